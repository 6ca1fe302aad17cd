from __future__ import annotations

from django.db import models
from django.db.models import Q

from ropewalk.store.ids import new_id
from ropewalk.store.models.people import Member, Organization


class SavedView(models.Model):
    """A list of accounts by name. Without a member it is the organization's; `folded` is the name without case."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    member = models.ForeignKey(Member, null=True, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    folded = models.CharField(max_length=300)
    parts = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "member", "folded"],
                condition=Q(member__isnull=False),
                name="one_view_a_name_and_member",
            ),
            models.UniqueConstraint(
                fields=["organization", "folded"],
                condition=Q(member=None),
                name="one_shared_view_a_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name
