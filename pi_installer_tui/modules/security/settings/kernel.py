"""What can be wanted of the kernel, and of its audit log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, StrictBool, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.tasks.frozen import Frozen

#: sysctl.d(5), with dots; an interface that has dots in its own name can't be named so
_SYSCTL = re.compile(r"(?:dev|fs|kernel|net|user|vm)(?:\.[A-Za-z0-9_-]{1,40}){1,7}")
_SYSCTL_VALUE = re.compile(r"[A-Za-z0-9_.,:+/-]{1,64}(?: [A-Za-z0-9_.,:+/-]{1,64}){0,15}")
#: what isn't set from here, and why: a wrong value can't be taken back over a connection that it has cut
_RUNS, _CUTS = N_("names a program that the kernel runs as root"), N_("could cut this machine off")
_STOPS, _STAYS = N_("could stop this machine"), N_("can't be taken back before the next boot")
_REFUSED: Mapping[str, str] = {
    r"kernel\.(core_pattern|modprobe|hotplug|poweroff_cmd|usermodehelper\..*)": _RUNS,
    r"net\.ipv6\.conf\..*\.(disable_ipv6|accept_ra.*|autoconf|forwarding|addr_gen_mode|router_solicit.*)": _CUTS,
    r"net\.ipv4\.conf\..*\.(arp_.*|disable_policy|disable_xfrm|drop_.*)": _CUTS,
    r"net\.ipv[46]\.(neigh|route)\..*": _CUTS,
    r"net\.ipv4\.(tcp_mem|udp_mem|ip_local_port_range|ip_local_reserved_ports|tcp_max_orphans)": _CUTS,
    r"net\.(netfilter\.)?nf_conntrack_(max|buckets)": _CUTS,
    r"kernel\.(modules_disabled|kexec_load_disabled)": _STAYS,
    r"kernel\.(pid_max|threads-max|panic.*|hung_task_panic)": _STOPS,
    r"fs\.(file-max|nr_open|mount-max)": _STOPS,
    r"vm\.(min_free_kbytes|nr_hugepages.*|nr_overcommit_hugepages|overcommit_.*|panic_on_oom)": _STOPS,
    r"user\..*": _STOPS,
}


def _sysctl(name: str) -> str:
    if not _SYSCTL.fullmatch(name):
        raise ValueError(_("isn't the name of a kernel setting, such as net.ipv4.tcp_syncookies"))
    for pattern, why in _REFUSED.items():
        if re.fullmatch(pattern, name):
            raise ValueError(_("isn't set from here: it {why}").format(why=_(why)))
    return name


def _sysctl_value(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _SYSCTL_VALUE.fullmatch(" ".join(text.split())):
        raise ValueError(_("isn't a number or words of letters and digits"))
    return " ".join(text.split())


SysctlName = Annotated[str, AfterValidator(_sysctl)]


class SysctlSettings(Frozen):
    """One setting of the kernel. In a setup file its value alone will do."""

    value: Annotated[str, BeforeValidator(_sysctl_value)] | None = Field(
        default=None, title=N_("Value"), description=N_("What the kernel is told, now and at each boot.")
    )
    state: Literal["present", "absent"] | None = Field(
        default=None, title=N_("State"), description=N_("absent: it isn't set any more from the next boot on.")
    )

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, data: Any) -> Any:
        return data if isinstance(data, (Mapping, cls)) else {"value": data}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": ["string", "integer"]}, handler(core)]}

    @model_validator(mode="after")
    def _has_one(self) -> SysctlSettings:
        if (self.value is None) != (self.state == "absent"):
            raise ValueError(_("needs a value, or `state: absent`"))
        return self


class KernelSettings(Frozen):
    """Settings of the kernel and its network (sysctl)."""

    hardened: Literal[True] | None = Field(
        default=None,
        title=N_("Hardened"),
        description=N_("A list of settings that shut well-known ways of attack; the review names each."),
    )
    rare_protocols: StrictBool | None = Field(
        default=None,
        title=N_("Rare protocols"),
        description=N_(
            "Whether the kernel loads DCCP, RDS, SCTP and TIPC for whoever asks. Hardly anything needs them."
        ),
    )
    rare_filesystems: StrictBool | None = Field(
        default=None,
        title=N_("Rare file systems"),
        description=N_(
            "Whether the kernel loads cramfs, freevxfs, hfs and jffs2 for a medium that has them. Off, old Mac "
            "floppies and flash images can't be mounted."
        ),
    )
    firewire: StrictBool | None = Field(
        default=None,
        title=N_("FireWire"),
        description=N_(
            "Whether what is plugged in there is served; it may read the whole memory. A Raspberry Pi has no FireWire."
        ),
    )
    core_dumps: StrictBool | None = Field(
        default=None,
        title=N_("Core dumps"),
        description=N_(
            "Whether the memory of a program that crashed is kept, passwords and keys in it. Off, there is less to "
            "find out why it did."
        ),
    )
    values: Mapping[SysctlName, SysctlSettings] | None = Field(
        default=None,
        title=N_("Single settings"),
        description=N_("Settings by their names, which outrank the list: net.ipv4.tcp_syncookies. Others stay."),
        json_schema_extra={"key_title": N_("Setting")},
    )


class AuditLogSettings(Frozen):
    """auditd, which writes down who changes what decides about this machine."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Audit log"),
        description=N_("Whether the kernel's audit log is kept, in /var/log/audit."),
    )
    rules: Literal["baseline"] | None = Field(
        default=None,
        title=N_("Rules"),
        description=N_(
            "baseline, also when left out: changes of accounts, sudo, SSH, clock, kernel modules and what starts by "
            "itself."
        ),
    )
