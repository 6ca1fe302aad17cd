"""How people come in: links that work once, and how often somebody has tried."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ropewalk.store.ids import new_id
from ropewalk.store.models.people import Organization, Role, User


class Invitation(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    email = models.CharField(max_length=254)
    role = models.CharField(max_length=16, choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_an_email",
            )
        ]
        indexes = [models.Index(fields=["organization", "id"], name="invitation_page")]

    def __str__(self) -> str:
        return self.email


class ResetLink(models.Model):
    """Gone once it is used, or another one is made."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE)
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()


class Attempts(models.Model):
    """How often something was tried in a stretch of time that began then, in seconds since 1970. `key` tells what by a
    digest: somebody may have typed a password where the email belongs."""

    key = models.CharField(max_length=64, primary_key=True)
    began = models.FloatField()
    count = models.IntegerField()
    ends = models.FloatField(db_index=True)
