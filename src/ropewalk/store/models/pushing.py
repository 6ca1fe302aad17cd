from __future__ import annotations

from django.db import models

from ropewalk.core.eventschema import SOURCE_PREFIX
from ropewalk.store.ids import new_id
from ropewalk.store.models.people import Organization


class PushConnector(models.Model):
    """A source that sends instead of being asked (push-api.md §2). `version` grows with every change, so that whoever
    holds a copy can tell that it is old. `rekeying` is how far earlier events have been keyed anew since
    `event_schema` changed; null: all of them are."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    name = models.CharField(max_length=255)
    source_name = models.CharField(max_length=63)
    created_at = models.DateTimeField()
    created_by = models.JSONField(default=dict)
    updated_at = models.DateTimeField()
    is_active = models.BooleanField(default=True)
    accepted_kinds = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    event_schema = models.JSONField(null=True)
    rekeying = models.JSONField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "source_name"], name="one_push_connector_a_source_name"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "id"], name="push_connector_page"),
            models.Index(
                fields=["id"], condition=models.Q(rekeying__isnull=False), name="push_connector_rekeying"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> str:
        """What its events go under."""
        return SOURCE_PREFIX + self.source_name
