"""What can be wanted of the firewall, and of one rule of it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Annotated, Literal

from pydantic import Field, StrictBool, field_validator, model_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.settings.values import (
    Application,
    Comment,
    InterfaceName,
    Net,
    Ports,
    RuleName,
)
from pi_installer_tui.tasks.frozen import Frozen

Policy = Literal["allow", "deny", "reject"]


class RuleSettings(Frozen):
    """One rule of the firewall. Left out: everything of that kind."""

    action: Literal["allow", "deny", "reject", "limit"] = Field(
        title=N_("Action"),
        description=N_("allow, deny (no answer), reject (says no), limit (allow, but not six times in 30 s)."),
    )
    direction: Literal["in", "out", "route"] | None = Field(
        default=None,
        title=N_("Direction"),
        description=N_("in: what comes to this machine; out: what leaves it; route: what it passes on to others."),
    )
    protocol: Literal["tcp", "udp", "esp", "ah", "gre", "igmp"] | None = Field(
        default=None, title=N_("Protocol"), description=N_("Needed for several ports and for ranges.")
    )
    port: Ports | None = Field(
        default=None, title=N_("Port"), description=N_("22, or several: 80,443, or a range: 6000:6010.")
    )
    application: Application | None = Field(
        default=None,
        title=N_("Application"),
        description=N_("A profile that a package brings, in place of protocol and port: OpenSSH."),
        json_schema_extra={"choices": "applications"},
    )
    source: Net | None = Field(
        default=None, title=N_("Source"), description=N_("Only from this address or network: 192.168.1.0/24.")
    )
    source_port: Ports | None = Field(
        default=None, title=N_("Source port"), description=N_("Only from this port of the other side: 67, or several.")
    )
    destination: Net | None = Field(
        default=None, title=N_("Destination"), description=N_("Only to this address or network.")
    )
    interface: InterfaceName | None = Field(
        default=None,
        title=N_("Interface"),
        description=N_("Only over this interface: eth0. With route: the one by which it comes."),
    )
    out_interface: InterfaceName | None = Field(
        default=None,
        title=N_("Out interface"),
        description=N_("With route only: the interface by which it leaves: wg0."),
    )
    log: Literal["log", "log-all"] | None = Field(
        default=None,
        title=N_("Log"),
        description=N_("log: new connections get into the kernel's log; log-all: every packet does."),
    )
    comment: Comment | None = Field(
        default=None, title=N_("Comment"), description=N_("What it is for; its name where nothing stands here.")
    )
    place: Literal["first", "last"] | None = Field(
        default=None, title=N_("Place"), description=N_("Where a new rule goes. The first one that fits counts.")
    )
    number: Annotated[int, Field(ge=1, le=9999)] | None = Field(
        default=None,
        title=N_("Number"),
        description=N_("Where a new rule goes: 1 for the first place, 2 for the next."),
    )
    before: Comment | None = Field(
        default=None,
        title=N_("Before"),
        description=N_("The rule that it stands before, by its name or comment. One that doesn't is moved."),
    )
    after: Comment | None = Field(
        default=None,
        title=N_("After"),
        description=N_("The rule that it stands after, by its name or comment. One that doesn't is moved."),
    )
    state: Literal["present", "absent"] | None = Field(
        default=None, title=N_("State"), description=N_("absent: the rule goes away.")
    )

    @property
    def other(self) -> str | None:
        """The rule that it stands before or after."""
        return self.before or self.after

    @model_validator(mode="after")
    def _fits(self) -> RuleSettings:
        if self.application is not None and (self.port is not None or self.protocol is not None):
            raise ValueError(_("an application has its own protocol and ports; leave these out"))
        if self.application is not None and self.source_port is not None:
            raise ValueError(_("an application has no source port; name protocol and port"))
        ports = f"{self.port or ''}{self.source_port or ''}"
        if ports and self.protocol not in (None, "tcp", "udp"):
            raise ValueError(_("only tcp and udp have ports"))
        if self.protocol is None and re.search("[:,]", ports):
            raise ValueError(_("several ports and ranges need a protocol, tcp or udp"))
        if self.out_interface is not None and self.direction != "route":
            raise ValueError(_("only what is passed on (direction route) has an out interface"))
        if self.direction == "route" and {"in", "out"} & {*(self.comment or "").split(" ")}:
            raise ValueError(_("in the comment of such a rule ufw takes the words in and out for its own"))
        if self.protocol == "igmp" and ":" in f"{self.source or ''}{self.destination or ''}":
            raise ValueError(_("igmp is of IPv4"))
        if sum(each is not None for each in (self.place, self.number, self.before, self.after)) > 1:
            raise ValueError(_("place, number, before and after exclude each other"))
        if self.source and self.destination and (":" in self.source) != (":" in self.destination):
            raise ValueError(_("source and destination must both be IPv4, or both IPv6"))
        return self


class FirewallSettings(Frozen):
    """ufw, which sets the kernel's packet filter."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Firewall"),
        description=N_("Whether packets are filtered, now and after a reboot. SSH stays open."),
    )
    incoming: Policy | None = Field(
        default=None, title=N_("Incoming"), description=N_("What happens to what comes in and no rule is about.")
    )
    outgoing: Policy | None = Field(
        default=None, title=N_("Outgoing"), description=N_("What happens to what goes out and no rule is about.")
    )
    rules: Mapping[RuleName, RuleSettings] | None = Field(
        default=None,
        title=N_("Rules"),
        description=N_("Rules by a name of yours. One that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Rule")},
    )
    exclusive: StrictBool | None = Field(
        default=None,
        title=N_("No other rules"),
        description=N_("Whether rules that aren't named above go. What keeps SSH open stays."),
    )

    @field_validator("rules")
    @classmethod
    def _one_of_each(cls, rules: Mapping[str, RuleSettings] | None) -> Mapping[str, RuleSettings] | None:
        names: dict[Hashable, str] = {}
        for name, rule in (rules or {}).items():
            what = (rule.direction or "in", rule.protocol, rule.port, rule.application, rule.source_port)
            about = (*what, rule.source, rule.destination, rule.interface, rule.out_interface)
            if about in names:
                both = _("{one} and {other} are about the same packets; a firewall keeps one of them")
                raise ValueError(both.format(one=names[about], other=name))
            names[about] = name
        return rules

    @field_validator("rules")
    @classmethod
    def _in_some_order(cls, rules: Mapping[str, RuleSettings] | None) -> Mapping[str, RuleSettings] | None:
        for name in rules or {}:
            seen, other = [name], (rules or {})[name].other
            while other in (rules or {}) and other is not None:
                if other in seen:
                    raise ValueError(_("{names} name each other").format(names=", ".join(seen)))
                seen.append(other)
                other = (rules or {})[other].other
        return rules

    @model_validator(mode="after")
    def _fits(self) -> FirewallSettings:
        if self.exclusive and self.rules is None:
            raise ValueError(_("`exclusive` needs `rules`, if only none: {}"))
        return self
