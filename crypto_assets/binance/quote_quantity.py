"""What a trade was worth: the exchange's streams leave it to the reader."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from crypto_assets.binance.typed_rows import TypedRows
from crypto_assets.schemas import AMOUNT

_WIDE = pa.decimal256(28, 8)


def with_quote_quantity(rows: TypedRows) -> TypedRows:
    """The rows of trades with price times quantity, exactly; rows where that is too large are rejected."""
    product = pl.col("price").cast(pl.Float64) * pl.col("quantity").cast(pl.Float64)
    rows = rows.reject(product.abs() >= 1e19, pl.lit("price times quantity has more than 20 digits"))
    read = rows.values.select(pl.when(rows.faults.is_null()).then(pl.col("price", "quantity")))
    factors = [pc.cast(read[name].to_arrow(), _WIDE) for name in ("price", "quantity")]
    # Tick and lot sizes leave no digit behind the 8th decimal of the product; one that is there is cut off.
    exact = pc.cast(pc.call_function("multiply", factors), AMOUNT, safe=False)
    quote_quantity = pl.Series("quote_quantity", exact)
    return TypedRows(rows.values.with_columns(quote_quantity), rows.faults)
