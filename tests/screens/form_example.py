"""A settings model with every kind of field, and an application that shows its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from textual.app import App, ComposeResult

from pi_installer_tui.modules.base import Settings
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.widgets.form import Form
from pi_installer_tui.widgets.form.form import Fields
from pi_installer_tui.widgets.form.rows import Note


class Level(Enum):
    LOW = "low"
    HIGH = "high"


class Dhcp(Frozen):
    method: Literal["dhcp"] = Field(title="Method", description="How it gets its address.")
    dns: tuple[IPv4Address, ...] | None = Field(None, title="DNS servers")


class Static(Frozen):
    method: Literal["static"] = Field(title="Method", description="How it gets its address.")
    address: IPv4Interface = Field(title="Address", description="With its prefix: 192.168.1.10/24.")
    gateway: IPv4Address | None = Field(None, title="Gateway")
    dns: tuple[IPv4Address, ...] | None = Field(None, title="DNS servers")

    @field_validator("gateway")
    @classmethod
    def _inside(cls, gateway: IPv4Address | None, info: ValidationInfo) -> IPv4Address | None:
        address = info.data.get("address")
        if gateway is not None and address is not None and gateway not in address.network:
            raise ValueError(f"{gateway} is outside {address.network}")
        return gateway


class Keyboard(Frozen):
    layout: Annotated[str, Field(min_length=2)] = Field(title="Layout", json_schema_extra={"choices": "layouts"})
    variant: str | None = Field(None, title="Variant")


class Peer(Frozen):
    state: Literal["present", "absent"] = Field("present", title="State")
    note: str | None = Field(None, title="Note")


class Example(Settings):
    hostname: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")] | None = Field(
        None, title="Hostname", description="The machine's name: letters, digits and hyphens."
    )
    timezone: str | None = Field(None, title="Time zone", json_schema_extra={"choices": "timezones"})
    ntp: bool | None = Field(None, title="Time synchronisation", description="Sets the clock from the network.")
    swap: Annotated[int, Field(ge=0, le=4096)] | None = Field(None, title="Swap", json_schema_extra={"unit": "MB"})
    factor: float | None = Field(None, title="Factor")
    level: Level | None = Field(None, title="Level")
    secret: str | None = Field(None, title="Passphrase", json_schema_extra={"widget": "secret"})
    uplink: str | None = Field(None, title="Uplink", json_schema_extra={"widget": "interface"})
    router: IPv4Address | None = Field(None, title="Router")
    dns: Annotated[tuple[IPv4Address, ...], Field(max_length=3)] | None = Field(None, title="DNS servers")
    keyboard: Keyboard | None = Field(None, title="Keyboard")
    network: Mapping[str, Annotated[Dhcp | Static, Field(discriminator="method")]] | None = Field(
        None, title="Network", description="Interfaces by name.", json_schema_extra={"choices": "interfaces"}
    )
    peers: dict[Annotated[str, Field(pattern="^[a-z]+$")], Peer] | None = Field(None, title="Peers")


CHOICES: Mapping[str, Sequence[str]] = {
    "timezones": ("UTC", "Europe/Berlin", "Europe/Brussels", *(f"America/City_{n}" for n in range(300))),
    "interfaces": ("eth0", "usb0", "wlan0"),
}

PRESENT: Mapping[str, Any] = {
    "hostname": "attic",
    "timezone": "Europe/Berlin",
    "ntp": True,
    "swap": 200,
    "level": "low",
    "dns": ["192.168.1.1", "9.9.9.9"],
    "keyboard": {"layout": "de"},
    "network": {
        "eth0": {"method": "dhcp"},
        "wlan0": {"method": "static", "address": "192.168.1.10/24", "gateway": "192.168.1.1"},
    },
    "peers": {"anna": {"note": "phone"}},
}


class ExampleApp(App[None]):
    """The form alone."""

    ENABLE_COMMAND_PALETTE = False
    machine_name = ""
    modes = ()

    def compose(self) -> ComposeResult:
        yield Form(
            Example,
            Example.model_validate(PRESENT),
            lambda name: CHOICES.get(name, ()),
            "example",
            notes={"hostname": Note("/etc/hostname:1", "quiet"), "network.eth0": Note("NetworkManager", "quiet")},
        )

    def on_mount(self) -> None:
        self.form.focus_first()

    def on_fields_item_opened(self, event: Fields.ItemOpened) -> None:
        self.push_screen(ItemScreen(event))

    @property
    def form(self) -> Form[Example]:
        return self.screen_stack[0].query_one(Form)

    @property
    def document(self) -> dict[str, Any]:
        """What would go into a setup file."""
        return self.form.draft.document()
