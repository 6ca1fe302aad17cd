from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from ropewalk.store.ids import new_id
from ropewalk.store.models.people import Organization


class Connector(models.Model):
    """`deleted_at`: accounts, history and runs keep its name; its secrets are gone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    source = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    settings = models.JSONField(default=dict)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("name"),
                condition=Q(deleted_at__isnull=True),
                name="one_connector_a_name",
            )
        ]
        indexes = [models.Index(fields=["organization", "id"], name="connector_page")]

    def __str__(self) -> str:
        return self.name


class Stream(models.Model):
    """`baseline` is the fingerprint of the settings whose change starts over. `chain` is the kept place of a
    truncated run (§5.3); `chain_seen` the numbers of the records that it has seen so far. `resets` goes into the
    salt of its records' hashes: a reset forgets them all at once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE)
    kind = models.CharField(max_length=16)
    settings = models.JSONField(default=dict)
    enabled = models.BooleanField(default=True)
    baseline = models.CharField(max_length=128, default="", blank=True)
    tested_at = models.DateTimeField(null=True)
    periodic = models.BooleanField(default=False)
    every_minutes = models.PositiveIntegerField(default=60)
    next_run_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    auth_failures = models.PositiveIntegerField(default=0)
    paused = models.CharField(max_length=16, default="", blank=True)
    watermark = models.DateTimeField(null=True)
    last_full_rows = models.BigIntegerField(null=True)
    last_completed_at = models.DateTimeField(null=True)
    chain = models.JSONField(null=True)
    chain_seen = models.BinaryField(null=True)
    needs_full = models.BooleanField(default=False)
    resets = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "connector", "kind"], name="one_stream_a_kind")
        ]
        indexes = [models.Index(fields=["next_run_at"], condition=Q(periodic=True), name="stream_due")]


class Secret(models.Model):
    """`digest` is keyed: it tells whether a new value is the stored one. `origins` are where it may be sent."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE)
    stream = models.ForeignKey(Stream, null=True, on_delete=models.CASCADE)
    name = models.CharField(max_length=255)
    ciphertext = models.BinaryField()
    digest = models.CharField(max_length=64)
    origins = models.JSONField(default=list)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "connector", "stream", "name"],
                condition=Q(stream__isnull=False),
                name="one_stream_secret_a_name",
            ),
            models.UniqueConstraint(
                fields=["organization", "connector", "name"],
                condition=Q(stream__isnull=True),
                name="one_connector_secret_a_name",
            ),
        ]

    def __repr__(self) -> str:
        return f"<Secret {self.name}>"

    __str__ = __repr__


class Budget(models.Model):
    """When the next request of a connector may start, in seconds since 1970. `lane`: of requests that have a budget of
    their own; empty: of all."""

    id = models.BigAutoField(primary_key=True)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, db_index=False)
    lane = models.CharField(max_length=32, default="", blank=True)
    next_at = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connector", "lane"], name="one_budget_a_lane")]


class Grant(models.Model):
    """What somebody has let a connector do at its vendor. Its tokens are secrets. `version` counts the tokens that it has
    had; whoever renews them holds `renewed_until`, and meanwhile nobody else does."""

    connector = models.OneToOneField(Connector, primary_key=True, on_delete=models.CASCADE)
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False
    )
    expires_at = models.DateTimeField(null=True)
    renewed_until = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    granted_at = models.DateTimeField()


class StreamRecord(models.Model):
    """What a stream last said about one account or contact. Its number stands for it in sets of records seen.

    The periodic pair is that of scheduled runs, kept apart while they write other fields than manual ones.
    `read_at` is `ids.made_at` of the run that read what was applied: a retry knows by it what is newer."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False
    )
    stream = models.ForeignKey(Stream, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False)
    subject_id = models.UUIDField()
    raw_hash = models.BinaryField(null=True)
    draft_hash = models.BinaryField(null=True)
    periodic_raw_hash = models.BinaryField(null=True)
    periodic_draft_hash = models.BinaryField(null=True)
    gone_since = models.DateTimeField(null=True)
    read_at = models.BigIntegerField(db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "subject_id"], name="one_record_a_subject")]
        indexes = [
            models.Index(fields=["stream", "raw_hash"], name="record_raw"),
            models.Index(
                fields=["stream", "periodic_raw_hash"],
                condition=Q(periodic_raw_hash__isnull=False),
                name="record_periodic_raw",
            ),
            models.Index(
                fields=["stream", "subject_id"], condition=Q(gone_since__isnull=False), name="record_gone"
            ),
        ]


class WaitingContact(models.Model):
    """A record of a contact stream whose account isn't there yet. `key` is what the account would be found by,
    `identity` tells one contact from another, `person` stays when the key changes (core.contacts.Who); `called`: such
    an account has appeared."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False
    )
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, db_index=False)
    key = models.TextField()
    identity = models.CharField(max_length=32)
    person = models.CharField(max_length=32, null=True)
    record = models.BinaryField()
    at = models.DateTimeField()
    called = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "identity"], name="one_waiting_contact_an_identity")
        ]
        indexes = [
            models.Index(fields=["organization", "key"], name="waiting_key"),
            models.Index(fields=["stream", "person"], name="waiting_person"),
            models.Index(fields=["stream", "id"], condition=Q(called=True), name="waiting_called"),
        ]
