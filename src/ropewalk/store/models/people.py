from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from ropewalk.store.ids import new_id


class Organization(models.Model):
    """`keep_events_days`: pushed events older than that are deleted; null: none are."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=255)
    own_domains = models.JSONField(default=list)
    time_zone = models.CharField(max_length=64, default="UTC")
    keep_events_days = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="one_organization_a_name")]

    def __str__(self) -> str:
        return self.name


class Users(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A session holds for the password and the `session_epoch` it began with, so that changing either ends it, in every
    process, at the query that reads the user anyway."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.CharField(max_length=254, unique=True)
    name = models.CharField(max_length=255, default="", blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    session_epoch = models.IntegerField(default=0)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    objects = Users()

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Where Django itself would look at the password alone.
        salt = "ropewalk.store.models.people.User"
        held = f"{self.session_epoch}/{self.password}"
        return salted_hmac(salt, held, secret=secret, algorithm="sha256").hexdigest()

    def __str__(self) -> str:
        return self.email


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Member(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    role = models.CharField(max_length=16, choices=Role.choices)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="one_membership_a_user")]


class ApiKey(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    name = models.CharField(max_length=255)
    prefix = models.CharField(max_length=16)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_by_type = models.CharField(max_length=16)
    created_by_id = models.CharField(max_length=64, default="", blank=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
