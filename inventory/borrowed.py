"""Groups of arrays that kernels borrow: to them a group is the address of its fields, with nothing to count.

Numba's `structref` keeps the fields alive and gives them to kernels with a count of references, in which every access
to an array takes part. The proxy here holds the structref, and is an address to whoever is called with it.
"""

from typing import Any

from numba.core import cgutils, imputils, types
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.experimental.structref import StructRefProxy
from numba.extending import NativeValue, infer_getattr, lower_getattr_generic, register_model, unbox


class Borrowed(types.Type):
    """The address of the fields of a structref type."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        super().__init__(name=f"Borrowed({owner})")


register_model(Borrowed)(models.OpaqueModel)


@infer_getattr
class _Fields(AttributeTemplate):  # type: ignore[misc]
    key = Borrowed

    def generic_resolve(self, kind: Borrowed, name: str) -> Any:
        return kind.owner.field_dict.get(name)


@lower_getattr_generic(Borrowed)  # type: ignore[untyped-decorator]
def _get(context: Any, builder: Any, kind: Borrowed, address: Any, name: str) -> Any:
    held = kind.owner.get_data_type()
    layout = context.data_model_manager[held].get_value_type()
    at = builder.bitcast(address, layout.as_pointer())
    field = getattr(cgutils.create_struct_proxy(held)(context, builder, ref=at), name)
    return imputils.impl_ret_borrowed(context, builder, kind.owner.field_dict[name], field)


@unbox(Borrowed)  # type: ignore[untyped-decorator]
def _address_of(_kind: Borrowed, proxy: Any, c: Any) -> NativeValue:
    number = c.pyapi.object_getattr_string(proxy, "address")
    address = c.pyapi.long_as_voidptr(number)
    c.pyapi.decref(number)
    return NativeValue(address)


class BorrowedProxy(StructRefProxy):  # type: ignore[misc]
    """Keeps a structref alive for Python; to a kernel it is `Borrowed`."""

    address: int
    kind: Borrowed

    @classmethod
    def _numba_box_(cls, kind: Any, meminfo: Any) -> "BorrowedProxy":
        proxy: BorrowedProxy = super()._numba_box_(kind, meminfo)
        proxy.address = meminfo.data
        proxy.kind = Borrowed(kind)
        return proxy

    @property
    def _numba_type_(self) -> Borrowed:
        return self.kind


def borrowed_proxy(name: str, module: str) -> type:
    """A class of proxies, for `structref.define_proxy`."""
    return type(name, (BorrowedProxy,), {"__module__": module})
