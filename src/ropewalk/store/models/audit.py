from __future__ import annotations

from django.db import models

from ropewalk.store.ids import new_id
from ropewalk.store.models.people import Organization


class AuditEntry(models.Model):
    """Who did what, when, from where. Without an organization: a sign-in that failed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, null=True, on_delete=models.CASCADE, db_index=False)
    at = models.DateTimeField()
    actor = models.JSONField(default=dict)
    verb = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64, default="", blank=True)
    object_id = models.CharField(max_length=64, default="", blank=True)
    detail = models.JSONField(default=dict)
    ip = models.CharField(max_length=64, null=True)

    class Meta:
        indexes = [models.Index(fields=["organization", "id"], name="audit_page")]
