from __future__ import annotations

from django.db import models
from django.db.models import Q

from ropewalk.store.ids import new_id
from ropewalk.store.models.connectors import Connector, Stream
from ropewalk.store.models.people import Organization

OPEN = ("queued", "running")


class Run(models.Model):
    """The truth about one execution. `of_run` is what it retries, undoes or applies; `settings` are frozen."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, db_index=False)
    stream = models.ForeignKey(Stream, null=True, on_delete=models.SET_NULL)
    kind = models.CharField(max_length=16)
    mode = models.CharField(max_length=16, default="sync")
    trigger = models.CharField(max_length=16, default="manual")
    full = models.BooleanField(default=False)
    status = models.CharField(max_length=16, default="queued")
    verdict = models.CharField(max_length=16, null=True)
    verdict_reasons = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    reasons = models.JSONField(default=dict)
    notices = models.JSONField(default=dict)
    contacts = models.JSONField(default=dict)
    filtered = models.JSONField(default=dict)
    preview = models.JSONField(null=True)
    pages = models.PositiveIntegerField(default=0)
    restarts = models.PositiveIntegerField(default=0)
    expected_total = models.BigIntegerField(null=True)
    since = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)
    lease = models.UUIDField(null=True)
    worker = models.CharField(max_length=128, null=True)
    cancel_requested = models.BooleanField(default=False)
    accepted_at = models.DateTimeField(null=True)
    of_run = models.UUIDField(null=True)
    actor = models.JSONField(default=dict)
    settings = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "mode"], condition=Q(status__in=OPEN), name="one_open_run_a_stream"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "id"], name="run_page"),
            models.Index(fields=["connector", "id"], name="run_connector"),
            models.Index(fields=["status", "id"], condition=Q(status__in=OPEN), name="run_open"),
        ]


class RunState(models.Model):
    """Where a run that is under way goes on after a crash; gone when it has finished. But of a stream's last run, if
    that was a suspicious full one, `missing` stays: the numbers of the records that it didn't see, until an admin
    accepts it."""

    run = models.OneToOneField(Run, primary_key=True, on_delete=models.CASCADE)
    checkpoint = models.JSONField(null=True)
    seen = models.BinaryField(null=True)
    missing = models.BinaryField(null=True)


class LedgerRow(models.Model):
    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False
    )
    run = models.ForeignKey(Run, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False)
    position = models.BigIntegerField()
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, default="", blank=True)
    message = models.TextField(default="", blank=True)
    record = models.JSONField(null=True)
    candidates = models.JSONField(null=True)
    changes = models.JSONField(null=True)

    class Meta:
        indexes = [models.Index(fields=["run", "outcome", "reason", "position"], name="ledger_page")]


class Worker(models.Model):
    id = models.CharField(primary_key=True, max_length=128)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
