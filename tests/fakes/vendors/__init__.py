"""Twenty APIs of independent shapes, after what the vendors publish, each with what has to be found out about it.

    vendor = Hub()
    with serve(vendor) as url:
        …                                # url + vendor.path + vendor.query, asked with vendor.method
    vendor.expected, vendor.records      # what is right, and all that can be had

Written without a look at how Ropewalk finds things out: a parameter nobody knows is ignored or refused, a wrong value
is answered with an error, a page too large is cut down or refused, each as its vendor does it. Tests adapt to a
change of the contract here; they never bend these to what is found.
"""

from tests.fakes.vendors.counted import Deaf, Directory, Export, Pipeline
from tests.fakes.vendors.cursors import Cloud, Hub, Payments, Register
from tests.fakes.vendors.linked import Force, Shop, Tickets
from tests.fakes.vendors.numbered import Books, Desk, Press, Prospects, Springs, Teams
from tests.fakes.vendors.standards import Hal, JsonApi, OData
from tests.fakes.vendors.vendor import Expected, Vendor

VENDORS: tuple[type[Vendor], ...] = (
    Books, Teams, Tickets, Hal, JsonApi, OData, Payments, Hub, Shop, Press,
    Register, Springs, Directory, Cloud, Pipeline, Desk, Export, Deaf, Prospects, Force,
)  # fmt: skip

__all__ = ["VENDORS", "Expected", "Vendor"]
