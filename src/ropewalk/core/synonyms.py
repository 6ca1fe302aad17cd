"""The words that field names of customer systems are made of, by what they stand for. Data of core.suggest."""

from __future__ import annotations

from functools import cache

_WORDS = {
    "self": """company companies account accounts acct organization organizations organisation organisations org orgs
        customer customers costumer cust client clients business tenant workspace merchant firm enterprise entity
        corporate corporation debtor employer firma firmen kunde kunden unternehmen empresa cliente entreprise societe
        bedrijf klant azienda cliente""",
    "name": "name names nm nome nom nombre naam bezeichnung sociale",
    "title": "title",
    "id": "id ids uuid guid uid gid gsid identifier oid",
    "code": "number no nr num code ref reference key nummer numero",
    "email": "email mail eml emailaddress emailaddr login",
    "emails": "emails mails",
    "address": "address addresses addr",
    "site": "domain domains website websites homepage web site www webseite hostname host",
    "url": "url urls uri page home",
    "owner": "owner assigned csm kam assignee salesperson salesrep rep representative responsible am ae",
    "manager": "manager executive",
    "role_of_owner": "success sales relationship service to user",
    "person": "contact person poc point",
    "people": "contacts users members people persons employees attendees recipients endusers",
    "user": "user member employee enduser teammate",
    "end": "end",
    "primary": "primary main default key first preferred",
    "official": "legal display trading trade registered official common dba entity proper raison verified allowed",
    "full": "full complete formatted real",
    "external": "external ext foreign remote source crm erp object internal unique legacy system",
    "vendor": """hubspot hs salesforce sf sfdc stripe intercom zendesk chargebee netsuite pipedrive zoho dynamics""",
    "billing": "billing invoice invoicing accounting finance accountspayable payable",
    "work": "work office business login personal",
    "admin": "admin administrator",
    "phone": "phone telephone tel mobile cell cellphone handy phonenumber telefon telefono gsm direct",
    "reference": "reference ref",
    "number": "number no nr num nummer numero dial",
    "role": "role roles title position designation occupation jobtitle function funktion rolle cargo",
    "job": "job work contact person",
    "associated": "associated parent linked",
    "moment": "time timestamp ts datetime date at on when occurred happened sent received",
    "made": "created recorded logged inserted",
    "happening": "event events activity action verb type kind operation",
    "doer": "actor initiator performer",
}

DROPPED = frozenset(
    """properties property attributes attribute fields field data record node item items result results custom customfields
    metadata meta values value general info details profile relationships traits cf c r e the of raw rendered""".split()  # noqa: SIM905
)
"""Wrappers and affixes that say nothing about a value. `record` counts where nothing else is left."""

NEVER = frozenset(
    """logo avatar image icon photo picture img thumbnail favicon banner linkedin facebook twitter instagram youtube github
    crunchbase social self href link links api callback webhook redirect invoice receipt payment checkout portal terms
    privacy version file filename filepath path bundle package event scope permission type status host ip server
    created updated modified deleted author creator by from sender reply cc bcc dropbox forward inbox support help
    noreply system track tracking parent plan subscription product order ticket deal lead campaign segment
    referrer referer landing blog docs documentation careers jobs feed rss endpoint cdn proxy mx dns nameserver provider
    competitor vendor tool technology subdomain sandbox staging""".split()  # noqa: SIM905
)
"""Values under a name with one of these are somebody else's, however much they look like a domain or an email."""

NOT_TYPOS = frozenset(
    ("contract", "contracts", "custom", "country", "county", "counter", "context", "content", "emoji")
)
"""Words of their own, though close to one of ours."""

SOCIAL_HOSTS = frozenset(
    """linkedin.com facebook.com twitter.com x.com instagram.com youtube.com github.com crunchbase.com gravatar.com
    google.com amazonaws.com cloudfront.net medium.com tiktok.com pinterest.com""".split()  # noqa: SIM905
)

TOP_LEVELS = frozenset(
    "com net org io co ai dev app biz info eu example test cloud tech online shop store agency group solutions".split()  # noqa: SIM905
)
FILE_ENDINGS = frozenset("md py js ts sh rs go pl so ps cc".split())  # noqa: SIM905
"""Two-letter endings of files, which countries have as well."""


@cache
def tags() -> dict[str, frozenset[str]]:
    """Word -> what it may stand for."""
    found: dict[str, set[str]] = {}
    for tag, words in _WORDS.items():
        for word in words.split():
            found.setdefault(word, set()).add(tag)
    return {word: frozenset(tags) for word, tags in found.items()}
