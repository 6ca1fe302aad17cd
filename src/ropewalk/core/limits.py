"""The limits of product.md §3, §4, §5 and §8, each in one place. Sizes in bytes, times as named."""

from __future__ import annotations

# Custom API streams (§4, §8)
URL_CHARS = 2_048
TIMEOUT_MS = (1_000, 300_000)
DEFAULT_TIMEOUT_MS = 30_000
PAGE_SIZE = (1, 10_000)
DEFAULT_PAGE_SIZE = 100
MAX_PAGES = 1_000
DEFAULT_MAX_PAGES = 100
MAX_RECORDS = 100_000
DEFAULT_MAX_RECORDS = 10_000
LOOKBACK_DAYS = (1, 365)
DEFAULT_LOOKBACK_DAYS = 90
EVENTS_READ = 5_000
OVERLAP_SECONDS = (0, 7 * 24 * 3_600)

# Answers (§4.2)
BODY_BYTES = 256 * 1024 * 1024
RECORD_BYTES = 1024 * 1024
SPOOL_BYTES = 8 * 1024 * 1024
NESTING = 100

# Retries (§5.4)
RETRIES = 5
RETRY_AFTER_SECONDS = 300
REDIRECTS = 5
CONCURRENT_PAGES = 4

# Discovery and fields (§2.1, §3)
FLATTEN_DEPTH = 3
FIELD_NAME_CHARS = 64
VALUE_BYTES = 64 * 1024
CUSTOM_FIELDS = 500
TEST_PAGES = 2
PROOF_REQUESTS = 40
PROOF_PAGES = 5
PROOF_BYTES = 32 * 1024 * 1024

# Schedules (§3)
EVERY_MINUTES = (5, 7 * 24 * 60)
DEFAULT_EVERY_MINUTES = 60

# Timelines (§7)
LIVE_SECONDS = 8
LIVE_BYTES = 16 * 1024 * 1024
LIVE_THREADS = 32
KEPT_SECONDS = 60
KEPT_BYTES_PER_ORGANIZATION = 64 * 1024 * 1024
KEPT_BYTES = 256 * 1024 * 1024

# Contacts without an account (§2.4)
WAITING_CONTACTS = 100_000

# Imported files
CSV_BYTES = 100 * 1024 * 1024
CSV_COLUMNS = 1_000
CSV_NAME_CHARS = 200
CSV_DAYS = 7

# Ledger and previews (§5.2, §5.5)
LEDGER_ROWS_PER_REASON = 1_000
LEDGER_ROWS_PER_OUTCOME = 1_000
UNDO_DAYS = 30

ANY_CEILING = {"max_records": 2**63, "max_pages": 2**63}
"""For settings that have been saved: they were within the installation's ceilings of their day."""
