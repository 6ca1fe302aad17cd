"""Field names and values as real APIs give them. What has no counterpart must get no suggestion."""

from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import suggest
from ropewalk.core.mapping import BUILT_IN, INGEST_ONLY, is_field_name
from ropewalk.core.suggest import Suggestion


@dataclass(frozen=True)
class Field:
    path: str
    examples: tuple


NAMES = ("Acme GmbH", "Globex Corporation", "Initech")
SITES = ("https://www.acme.com", "http://globex.com/", "https://initech.io/en")
DOMAINS = ("acme.com", "globex.com", "initech.io")
EMAILS = ("ann@acme.com", "bob@globex.com", "cyd@initech.io")
STAFF = ("kim@vendor.com", "lee@vendor.com", "kim@vendor.com")
NUMBERS = (10023, 10024, 10025)
DIGITS = ("10023", "10024", "10025")
UUIDS = ("0b1f6c1e-7a58-4c1c-a4a5-0f3f6b1f2a11", "8e2f9a20-3d7c-4b77-9e55-58a6b62d7f10")
SF_IDS = ("0015g00000XyZ1AAV", "0015g00000XyZ2AAV")
STRIPE_IDS = ("cus_NffrFeUfNV2Hib", "cus_9s6XKzkNRiz8i3")
PEOPLE = ("Ann Arbor", "Bob Builder", "Cyd Charisse")
PHONES = ("+1 555 010 0199", "(030) 123456-78", "+49 731 55501")
TITLES = ("Head of Support", "CTO", "Buyer")

ACCOUNTS = [
    # HubSpot companies
    ("properties.name", NAMES, "companyName"),
    ("properties.domain", DOMAINS, "companyDomain"),
    ("properties.website", SITES, "companyDomain"),
    ("properties.hs_object_id", DIGITS, "externalCustomerId"),
    ("properties.hubspot_owner_id", DIGITS, "accountOwnerId"),
    ("properties.name.value", NAMES, "companyName"),
    ("companyId", NUMBERS, "externalCustomerId"),
    # Salesforce Account
    ("Id", SF_IDS, "externalCustomerId"),
    ("Name", NAMES, "companyName"),
    ("Website", SITES, "companyDomain"),
    ("AccountNumber", ("CD451796", "CD355120"), "externalCustomerId"),
    ("OwnerId", SF_IDS, "accountOwnerId"),
    ("Owner.Email", STAFF, "accountOwnerEmail"),
    ("External_Id__c", DIGITS, "externalCustomerId"),
    ("Customer_Success_Manager_Email__c", STAFF, "accountOwnerEmail"),
    ("Primary_Contact_Email__c", EMAILS, "contactEmail"),
    # Pipedrive organizations
    ("owner_id.id", NUMBERS, "accountOwnerId"),
    ("owner_id.email", STAFF, "accountOwnerEmail"),
    ("org_id", NUMBERS, "externalCustomerId"),
    ("org_name", NAMES, "companyName"),
    # Chargebee customers
    ("customer.id", ("AzZlGJTC9VT1mLwB", "Azz5HBTTI1AhTmjB"), "externalCustomerId"),
    ("customer.company", NAMES, "companyName"),
    ("customer.email", EMAILS, "contactEmail"),
    # Zendesk organizations
    ("organization.external_id", DIGITS, "externalCustomerId"),
    ("organization.domain_names", (["acme.com"], ["globex.com", "globex.net"]), "companyDomain"),
    # Intercom companies
    ("company_id", ("366", "367"), "externalCustomerId"),
    ("company.name", NAMES, "companyName"),
    # Stripe customers
    ("id", STRIPE_IDS, "externalCustomerId"),
    ("name", NAMES, "companyName"),
    ("email", EMAILS, "contactEmail"),
    ("business_name", NAMES, "companyName"),
    ("metadata.company_id", DIGITS, "externalCustomerId"),
    # Freshsales, Zoho, Dynamics
    ("Account_Name", NAMES, "companyName"),
    ("Owner.email", STAFF, "accountOwnerEmail"),
    ("accountid", UUIDS, "externalCustomerId"),
    ("websiteurl", SITES, "companyDomain"),
    ("emailaddress1", EMAILS, "contactEmail"),
    ("accountnumber", ("A-1000", "A-1001"), "externalCustomerId"),
    ("_ownerid_value", UUIDS, "accountOwnerId"),
    # Close, Copper, Attio
    ("display_name", NAMES, "companyName"),
    ("email_domain", DOMAINS, "companyDomain"),
    ("assignee_id", NUMBERS, "accountOwnerId"),
    ("websites.0.url", SITES, "companyDomain"),
    ("values.domains.0.domain", DOMAINS, "companyDomain"),
    ("values.name.0.value", NAMES, "companyName"),
    ("id.record_id", UUIDS, "externalCustomerId"),
    # Planhat, Vitally, Totango, Gainsight
    ("externalId", DIGITS, "externalCustomerId"),
    ("sourceId", DIGITS, "externalCustomerId"),
    ("accountOwnerId", UUIDS, "accountOwnerId"),
    ("csmId", UUIDS, "accountOwnerId"),
    ("csm_email", STAFF, "accountOwnerEmail"),
    ("Gsid", ("1P02XYZ1", "1P02XYZ2"), "externalCustomerId"),
    # QuickBooks, Xero, Recurly, NetSuite, Maxio
    ("CompanyName", NAMES, "companyName"),
    ("DisplayName", NAMES, "companyName"),
    ("PrimaryEmailAddr.Address", EMAILS, "contactEmail"),
    ("WebAddr.URI", SITES, "companyDomain"),
    ("EmailAddress", EMAILS, "contactEmail"),
    ("company", NAMES, "companyName"),
    ("internalId", NUMBERS, "externalCustomerId"),
    ("organization", NAMES, "companyName"),
    ("e-mail", EMAILS, "contactEmail"),
    ("point_of_contact_email", EMAILS, "contactEmail"),
    ("reference", DIGITS, "externalCustomerId"),
    ("salesRep.email", STAFF, "accountOwnerEmail"),
    # home-made APIs
    ("customer_no", DIGITS, "externalCustomerId"),
    ("customerNumber", ("K-2001", "K-2002"), "externalCustomerId"),
    ("client_code", ("AC01", "GL02"), "externalCustomerId"),
    ("customer", STRIPE_IDS, "externalCustomerId"),
    ("uuid", UUIDS, "externalCustomerId"),
    ("_id", ("64f1c0ffee64f1c0ffee0001", "64f1c0ffee64f1c0ffee0002"), "externalCustomerId"),
    ("homepage", SITES, "companyDomain"),
    ("web_site", DOMAINS, "companyDomain"),
    ("url", SITES, "companyDomain"),
    ("company_url", SITES, "companyDomain"),
    ("primary_domain", DOMAINS, "companyDomain"),
    ("legal_name", NAMES, "companyName"),
    ("Firma", NAMES, "companyName"),
    ("Kundennummer", DIGITS, "externalCustomerId"),
    ("raison_sociale", NAMES, "companyName"),
    ("société", NAMES, "companyName"),
    ("compnay_name", NAMES, "companyName"),
    ("organistion", NAMES, "companyName"),
    ("companyname", NAMES, "companyName"),
    ("account_manager", STAFF, "accountOwnerEmail"),
    ("account_manager_id", NUMBERS, "accountOwnerId"),
    ("owner", STAFF, "accountOwnerEmail"),
    ("owner", UUIDS, "accountOwnerId"),
    ("assigned_to", STAFF, "accountOwnerEmail"),
    ("billing_email", EMAILS, "contactEmail"),
    ("main_contact.email", EMAILS, "contactEmail"),
    ("contact", EMAILS, "contactEmail"),
    ("users", (["ann@acme.com", "al@acme.com"], ["bob@globex.com"]), "endUsers"),
    ("end_users", ("ann@acme.com, al@acme.com", "bob@globex.com,cyd@globex.com"), "endUsers"),
    ("member_emails", (["ann@acme.com"], ["bob@globex.com"]), "endUsers"),
    ("emails", (["ann@acme.com", "al@acme.com"],), "endUsers"),
    ("team_mailboxes", (["ann@acme.com", "al@acme.com"],), "endUsers"),
    ("corp_presence", DOMAINS, "companyDomain"),
    ("ceo", EMAILS, "contactEmail"),
    ("manager_email", STAFF, "accountOwnerEmail"),
    ("emails.0", EMAILS, "contactEmail"),
    ("primary_user_email", EMAILS, "contactEmail"),
    ("contact.website", SITES, "companyDomain"),
    ("user_emails", ("a@acme.com,b@acme.com", "c@globex.com"), "endUsers"),
    ("tenant_id", UUIDS, "externalCustomerId"),
    ("customerRef", ("R-1", "R-2"), "externalCustomerId"),
    ("acct_no", DIGITS, "externalCustomerId"),
    ("sales_rep_id", NUMBERS, "accountOwnerId"),
    ("accountExecutiveEmail", STAFF, "accountOwnerEmail"),
    ("companyLegalName", NAMES, "companyName"),
    ("tenant.display_name", NAMES, "companyName"),
    ("siteUrl", SITES, "companyDomain"),
    ("email_domains", (["acme.com"], ["globex.com"]), "companyDomain"),
    ("verified_domains", (["acme.com"], ["globex.com"]), "companyDomain"),
    ("allowed_domains", (["acme.com"], ["globex.com"]), "companyDomain"),
    # Elasticsearch wraps its records
    ("_source.name", NAMES, "companyName"),
    ("_source.website", SITES, "companyDomain"),
    # no values seen yet
    ("website", (), "companyDomain"),
    ("customer_id", (None, ""), "externalCustomerId"),
]

NOTHING = [
    ("created_at", ("2024-01-31T10:00:00Z", "2024-02-01T11:00:00Z")),
    ("updatedAt", (1706695200, 1706695300)),
    ("mrr", (120.5, 300.0)),
    ("currency", ("EUR", "USD")),
    ("industry", ("Software", "Retail")),
    ("number_of_employees", (25, 300)),
    ("employees", (25, 300)),
    ("is_active", (True, False)),
    ("tags", (["vip", "eu"], ["smb"])),
    ("timezone", ("Europe/Berlin", "America/New_York")),
    ("address.city", ("Ulm", "Boston")),
    ("address.country", ("DE", "US")),
    ("billing_address.zip", ("89073", "02108")),
    ("avatar_url", ("https://cdn.vendor.com/a/1.png", "https://cdn.vendor.com/a/2.png")),
    ("logo", ("https://logos.com/acme.png", "https://img.net/globex.png")),
    ("linkedin_url", ("https://www.linkedin.com/company/acme",)),
    ("twitter_handle", ("@acme", "@globex")),
    (
        "url",
        (
            "https://acme.zendesk.com/api/v2/organizations/1.json",
            "https://acme.zendesk.com/api/v2/organizations/2.json",
        ),
    ),
    ("links.self", ("https://api.vendor.com/v1/companies/1",)),
    ("description", ("Makes anvils", "Makes lasers")),
    ("plan.name", ("Gold", "Silver")),
    ("plan.id", ("gold", "silver")),
    ("plan", ("gold", "silver")),
    ("subscription_id", ("sub_1MowQV", "sub_1MowQW")),
    ("parent_id", NUMBERS),
    ("ParentId", SF_IDS),
    ("group_id", NUMBERS),
    ("owner_name", PEOPLE),
    ("owner.name", PEOPLE),
    ("owner", PEOPLE),
    ("first_name", ("Ann", "Bob")),
    ("primary_contact.name", PEOPLE),
    ("primary_contact.id", NUMBERS),
    ("contacts", ([{"id": 1}], [{"id": 2}])),
    ("user_count", (10, 20)),
    ("phone", PHONES),
    ("vat_number", ("DE123456789", "ATU12345678")),
    ("tax_id", ("12-3456789", "98-7654321")),
    ("stage", ("lead", "customer")),
    ("health_score", (7, 9)),
    ("locale", ("en-US", "de-DE")),
    ("email_opt_in", (True, False)),
    ("email_verified", (True, True)),
    ("created_by_email", EMAILS),
    ("support_email", EMAILS),
    ("author", STAFF),
    ("requested_by", STAFF),
    ("contacted_last", ("2024-01-01",)),
    ("contract_id", ("C-100", "C-101")),
    ("api_version", ("2.1.3", "2.1.4")),
    ("last_event", ("user.created", "invoice.paid")),
    ("attachment", ("report.pdf", "offer.pdf")),
    ("ip_address", ("93.184.216.34", "1.2.3.4")),
    ("balance", (0, -5)),
    ("notes", ("call back", "left message")),
    ("site", ("Plant north", "Plant south")),
    ("domain", ("Engineering", "Sales and support")),
    ("email", ("yes", "no")),
    ("customer", (True, False)),
    ("name", (True, False)),
    ("properties.hs_lead_status", ("NEW", "OPEN")),
    ("metadata", ({"a": 1},)),
    ("colour", ("#ff0000", "#00ff00")),
    ("custom_id_label", ("red", "green")),
    ("assigned_queue", STAFF),
    ("landing_page", ("https://acme.com/pricing", "https://globex.com/pricing")),
    ("pricing_url", ("https://acme.com/pricing", "https://globex.com/prices")),
    ("url", ()),
    ("owner", (None,)),
    ("company_linkedin", ("linkedin.com/company/acme",)),
    ("primary_contact", PEOPLE),
    ("record_type_id", STRIPE_IDS),
    ("parent_company", NAMES),
    ("company_size", ("10-50", "51-100")),
    ("duns_number", ("123456789", "987654321")),
    ("team_name", ("Red", "Blue")),
    ("docs", ("https://docs.acme.com", "https://globex.com")),
    ("help_page", ("https://acme.com/a/b/c",)),
    ("shop", ("acme.myshopify.com", "globex.myshopify.com")),
    ("feature", ("checkout.v2", "billing.new")),
    ("language", ("main.py", "index.js")),
    ("😀", ("a", "b")),
    ("0", ("a b", "c d")),
]

CONTACTS = [
    # HubSpot, Salesforce, Intercom, Pipedrive, Zendesk
    ("properties.email", EMAILS, "email"),
    ("properties.phone", PHONES, "phone"),
    ("properties.jobtitle", TITLES, "role"),
    ("properties.associatedcompanyid", DIGITS, "externalCustomerId"),
    ("Email", EMAILS, "email"),
    ("Name", PEOPLE, "name"),
    ("Title", TITLES, "role"),
    ("MobilePhone", PHONES, "phone"),
    ("AccountId", SF_IDS, "externalCustomerId"),
    ("Account.Website", SITES, "companyDomain"),
    ("name", PEOPLE, "name"),
    ("phone", PHONES, "phone"),
    ("role", ("user", "admin user"), "role"),
    ("org_id.value", NUMBERS, "externalCustomerId"),
    ("emails.0.value", EMAILS, "email"),
    ("organization_id", NUMBERS, "externalCustomerId"),
    ("full_name", PEOPLE, "name"),
    ("fullName", PEOPLE, "name"),
    ("contact_name", PEOPLE, "name"),
    ("emailAddress", EMAILS, "email"),
    ("work_email", EMAILS, "email"),
    ("phone_number", PHONES, "phone"),
    ("telephone", PHONES, "phone"),
    ("job_title", TITLES, "role"),
    ("position", TITLES, "role"),
    ("company.domain", DOMAINS, "companyDomain"),
    ("customer_id", STRIPE_IDS, "externalCustomerId"),
    ("login", EMAILS, "email"),
]
CONTACT_NOTHING = [
    ("id", NUMBERS),
    ("uuid", UUIDS),
    ("company.name", NAMES),
    ("last_seen_at", ("2024-01-01T00:00:00Z",)),
    ("avatar_url", ("https://cdn.vendor.com/a/1.png",)),
    ("unsubscribed", (True, False)),
    ("fax", PHONES),
    ("created_by", STAFF),
    ("city", ("Ulm", "Boston")),
    ("owner_id", NUMBERS),
]


def first(path, examples, kind):
    found = suggest.suggest([Field(path, examples)], kind)
    return found[0].to if found else None


@pytest.mark.parametrize(("path", "examples", "target"), ACCOUNTS)
def test_an_account_field_gets_its_target(path, examples, target):
    assert first(path, examples, "accounts") == target


@pytest.mark.parametrize(("path", "examples"), NOTHING)
def test_an_account_field_without_counterpart_gets_nothing(path, examples):
    assert first(path, examples, "accounts") is None


@pytest.mark.parametrize(("path", "examples", "target"), CONTACTS)
def test_a_contact_field_gets_its_target(path, examples, target):
    assert first(path, examples, "contacts") == target


@pytest.mark.parametrize(("path", "examples"), CONTACT_NOTHING)
def test_a_contact_field_without_counterpart_gets_nothing(path, examples):
    assert first(path, examples, "contacts") is None


def test_a_reason_names_the_field_as_its_source_does():
    [found] = suggest.suggest([Field(r"Customer no\.", DIGITS)])

    assert (
        found.reason == '"Customer no." is another word for externalCustomerId, and its values look like ids.'
    )


def test_the_surest_field_comes_first_and_every_field_has_one_at_most():
    fields = [
        Field("name", NAMES),
        Field("notes", ("a b",)),
        Field("id", STRIPE_IDS),
        Field("external_id", DIGITS),
    ]
    assert suggest.suggest(fields) == [
        Suggestion(
            "external_id",
            "externalCustomerId",
            1.0,
            '"external_id" is another word for externalCustomerId, and its values look like ids.',
        ),
        Suggestion("name", "companyName", 0.93, '"name" is another word for companyName.'),
        Suggestion(
            "id",
            "externalCustomerId",
            0.93,
            '"id" is another word for externalCustomerId, and its values look like ids.',
        ),
    ]


@pytest.mark.parametrize(
    ("path", "examples", "score", "reason"),
    [
        (
            "company_domain",
            DOMAINS,
            0.98,
            '"company_domain" has the name of companyDomain, and its values look like domains.',
        ),
        ("websit", (), 0.8, '"websit" reads like "website", a word for companyDomain.'),
        ("x.presence", DOMAINS, 0.6, "Its values look like domains."),
        (
            "domains",
            (["acme.com", "acme.de"],),
            0.98,
            (
                '"domains" is another word for companyDomain, and its values look like domains. '
                "They are lists: add the transform first."
            ),
        ),
    ],
)
def test_the_reason_is_a_sentence(path, examples, score, reason):
    assert suggest.suggest([Field(path, examples)]) == [Suggestion(path, "companyDomain", score, reason)]


@pytest.mark.parametrize(
    ("matching", "targets"),
    [
        ("domain", ["companyDomain", "email"]),
        ("external_id", ["email", "externalCustomerId"]),
        ("", ["companyDomain", "email", "externalCustomerId"]),
    ],
)
def test_contacts_get_the_match_field_of_their_stream_only(matching, targets):
    fields = [Field("company.domain", DOMAINS), Field("email", EMAILS), Field("company.id", DIGITS)]
    assert sorted(s.to for s in suggest.suggest(fields, "contacts", matching)) == targets


TIMES = ("2026-03-01T12:00:00Z", "2026-03-01T12:00:01.5+01:00", "2026-03-01 12:00:02")
EPOCHS = (1772366400, 1772366401, 1772366402)
WHATS = ("signed_in", "Report opened", "user.invited")
EVENTS = [
    # Segment, PostHog, Mixpanel, Amplitude, Stripe, Intercom, GitHub
    ("timestamp", TIMES, "eventTime"),
    ("receivedAt", TIMES, "eventTime"),
    ("properties.time", EPOCHS, "eventTime"),
    ("event_time", TIMES, "eventTime"),
    ("created", EPOCHS, "eventTime"),
    ("created_at", TIMES, "eventTime"),
    ("occurred_at", ("1772366400", "1772366401"), "eventTime"),
    ("event", WHATS, "eventName"),
    ("event_type", WHATS, "eventName"),
    ("event_name", WHATS, "eventName"),
    ("action", WHATS, "eventName"),
    ("type", WHATS, "eventName"),
    ("account_id", DIGITS, "accountKey"),
    ("customer", STRIPE_IDS, "accountKey"),
    ("organizationId", UUIDS, "accountKey"),
    ("company.domain", DOMAINS, "accountKey"),
    ("domain", DOMAINS, "accountKey"),
    ("user_id", DIGITS, "userId"),
    ("userId", UUIDS, "userId"),
    ("actor.email", EMAILS, "userId"),
    ("user.email", EMAILS, "userId"),
    ("id", UUIDS, None),
    ("event_id", UUIDS, None),
    ("updated_at", TIMES, None),
    ("timestamp", PEOPLE, None),
    ("user.name", PEOPLE, None),
    ("context.ip", ("192.0.2.1", "192.0.2.2"), None),
    ("account.name", NAMES, None),
    ("plan.type", ("free", "team"), None),
]


@pytest.mark.parametrize(("path", "examples", "target"), EVENTS)
def test_fields_of_events(path, examples, target):
    found = [suggestion.to for suggestion in suggest.suggest([Field(path, examples)], "events")]

    assert found == ([] if target is None else [target])


@given(
    st.text(max_size=40),
    st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists), max_size=3),
    st.sampled_from(["accounts", "contacts", "events"]),
)
def test_any_field_gets_a_score_between_0_and_1_or_nothing(path, examples, kind):
    for suggestion in suggest.suggest([Field(path, tuple(examples))], kind):
        assert (suggestion.from_, 0.4 < suggestion.score <= 1) == (path, True)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("plan.tier", "planTier"),
        ("properties.annual_revenue", "annualRevenue"),
        ("Billing_City__c", "billingCity"),
        ("MRR", "mrr"),
        ("arrUSD", "arrUsd"),
        ("2fa_enabled", "field2FaEnabled"),
        ("company name", "companyName2"),
        ("Größe", "grosse"),
        ("data", "data"),
        ("😀", "field"),
        ("a\\.b", "aB"),
        ("x" * 80, "x" * 64),
    ],
)
def test_a_field_without_a_target_gets_a_name_of_its_own(path, name):
    assert suggest.field_name(path) == name


def test_a_name_that_is_taken_gets_a_number():
    assert [suggest.field_name("plan.tier", ["PLANTIER"]), suggest.field_name("x" * 64, ["x" * 64])] == [
        "planTier2",
        "x" * 63 + "2",
    ]


@given(st.text(max_size=100), st.lists(st.sampled_from(["a", "field", "field2"])))
def test_every_path_gets_a_good_name(path, taken):
    name = suggest.field_name(path, taken)
    assert is_field_name(name)
    assert name.casefold() not in {n.casefold() for n in (*BUILT_IN, *INGEST_ONLY, *taken)}
