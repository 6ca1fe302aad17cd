from __future__ import annotations

from django.db import models
from django.db.models import Q

from ropewalk.store.ids import new_id
from ropewalk.store.models.people import Member, Organization


class TrackedField(models.Model):
    """`folded` is the name without case: `planTier` and `plantier` are one field."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    name = models.CharField(max_length=64)
    folded = models.CharField(max_length=64)
    type = models.CharField(max_length=16)
    periodic = models.BooleanField(default=True)
    history = models.BooleanField(default=True)
    indexed = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    last_changed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "folded"], name="one_field_a_name")]

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """`deleted_at`: deleted by hand; the row stays as a tombstone with its keys."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False
    )
    company_name = models.TextField(null=True)
    company_domain = models.TextField(null=True)
    external_customer_id = models.TextField(null=True)
    external_id_connector = models.UUIDField(null=True)
    owner = models.ForeignKey(
        Member, null=True, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False
    )
    fields = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    created_run = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "external_customer_id"],
                condition=Q(external_customer_id__isnull=False, deleted_at__isnull=True),
                name="one_account_an_external_id",
            )
        ]
        indexes = [
            models.Index(
                fields=["organization", "company_domain"],
                condition=Q(company_domain__isnull=False),
                name="account_domain",
            ),
            # The unique key leaves tombstones out; matching has to find them too.
            models.Index(
                fields=["organization", "external_customer_id"],
                condition=Q(deleted_at__isnull=False),
                name="account_tombstone",
            ),
            models.Index(fields=["organization", "id"], name="account_page"),
            models.Index(
                fields=["organization", "updated_at", "id"],
                condition=Q(deleted_at__isnull=True),
                name="account_changed",
            ),
            models.Index(
                fields=["organization", "owner", "id"],
                condition=Q(owner__isnull=False, deleted_at__isnull=True),
                name="account_owner",
            ),
        ]

    def __str__(self) -> str:
        return self.company_name or self.company_domain or self.external_customer_id or str(self.id)


class SearchText(models.Model):
    """Of many accounts a line each: name, domain and external id, in lower case. `accounts` are their ids, 16 bytes each,
    in the order of the lines."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False
    )
    lines = models.IntegerField()
    texts = models.TextField()
    accounts = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["organization", "id"], name="searchtext_page")]


class Contact(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False
    )
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False)
    email = models.TextField()
    name = models.TextField(null=True)
    phone = models.TextField(null=True)
    role = models.TextField(null=True)
    source = models.CharField(max_length=16)
    is_primary = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "account", "email"], name="one_contact_an_email")
        ]
        indexes = [models.Index(fields=["organization", "id"], name="contact_page")]

    def __str__(self) -> str:
        return self.email


class MatchLink(models.Model):
    """An admin's "use this account" for a match key of one connector; matching asks it first."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    connector = models.ForeignKey("Connector", on_delete=models.CASCADE)
    key = models.BinaryField()
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, db_constraint=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "connector", "key"], name="one_link_a_key")
        ]


class Change(models.Model):
    """What one run or one hand did to one account or contact: `fields` is `{name: {"old": …, "new": …}}`."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False
    )
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, db_index=False, db_constraint=False)
    contact = models.UUIDField(null=True)
    run = models.UUIDField(null=True)
    connector = models.UUIDField(null=True)
    actor = models.JSONField(null=True)
    at = models.DateTimeField()
    created = models.BooleanField(default=False)
    fields = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["organization", "account", "at"], name="change_account"),
            # A run's changes come one after the other: its end is where rows are added.
            models.Index(fields=["run", "id"], condition=Q(run__isnull=False), name="change_run"),
        ]
