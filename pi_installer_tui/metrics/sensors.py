"""Temperatures, fans and what the Pi's firmware says about its power, from /sys. Where they are is found out once and
again every few minutes; a look only reads the values."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from pi_installer_tui.metrics import files
from pi_installer_tui.metrics.look import Power

#: bits of the firmware's GET_THROTTLED; each has a second one, 16 higher, for `has been so`
#: (https://www.raspberrypi.com/documentation/computers/os.html#get_throttled)
BITS = ("under-voltage", "frequency-capped", "throttled", "soft-limit")

#: looks after which it is found out anew what there is
AGAIN = 30

#: reading these keeps a hard disk from going to sleep (Linux, Documentation/hwmon/drivetemp.rst)
_LEFT_OUT = frozenset({"drivetemp"})


@dataclass(slots=True)
class Sensors:
    """The sensors below a root.

    The kernel's driver raspberrypi-hwmon asks the firmware every two seconds and clears its `has been so` bits by
    that, so that here they mean `within two seconds`. What has been since the start is put together in `seen`: whoever
    starts again within one run of the machine gives it back (`remember`).
    """

    root: str
    seen: set[str] = field(default_factory=set)
    _looks: int = 0
    _temperatures: list[tuple[str, str]] = field(default_factory=list)
    _fans: list[tuple[str, str]] = field(default_factory=list)
    _throttled: str = ""
    _alarm: str = ""

    def remember(self, seen: set[str]) -> None:
        """What was seen earlier in this run of the machine, by the names of BITS."""
        self.seen |= seen & set(BITS)

    def find(self) -> None:
        """Finds out what there is, if it is time to."""
        if self._looks % AGAIN == 0:
            self._find()
        self._looks += 1

    def temperatures(self) -> dict[str, float]:
        """Degrees Celsius by name; the kernel gives thousandths (Documentation/hwmon/sysfs-interface.rst)."""
        read = ((name, files.number(path)) for name, path in self._temperatures)
        # -274 and below, or more than any sensor here: one that isn't connected
        return {name: value / 1000 for name, value in read if value is not None and -100_000 < value < 250_000}

    def fans(self) -> dict[str, float]:
        """Turns a minute by name."""
        read = ((name, files.number(path)) for name, path in self._fans)
        return {name: float(value) for name, value in read if value is not None and value >= 0}

    def power(self) -> Power | None:
        """What the firmware says; None on a machine that isn't a Pi. Without get_throttled only under-voltage is known.
        (Linux, drivers/firmware/raspberrypi.c and drivers/hwmon/raspberrypi-hwmon.c; the value is
        hexadecimal.) The driver rpi_volt asks every two seconds and clears the bits of `has been so`: there one of them
        is as good as now. Where nothing clears them they are of the whole time since the start."""
        text = files.text(self._throttled) if self._throttled else None
        if text is not None:
            try:
                bits = int(text, 16)
            except ValueError:
                return None
            been = {name for place, name in enumerate(BITS) if bits & (0x1_0000 << place)}
            now = {name: bool(bits & (1 << place)) for place, name in enumerate(BITS)}
            if self._alarm:
                now |= dict.fromkeys(been, True)
            self.seen |= been
        else:
            alarm = files.number(self._alarm) if self._alarm else None
            if alarm is None:
                return None
            now = {BITS[0]: alarm != 0}
        self.seen.update(name for name, is_so in now.items() if is_so)
        return Power(now, {name: name in self.seen for name in now})

    def _find(self) -> None:
        zones = self._zones()
        self._temperatures, self._fans, self._alarm = list(zones.items()), [], ""
        of_zones = {name.replace("-", "_") for name in zones}
        chips = f"{self.root}/sys/class/hwmon"
        named = [(chip, (files.text(f"{chips}/{chip}/name") or chip).strip()) for chip in files.names(chips)]
        for chip, name in named:
            folder = f"{chips}/{chip}"
            if name == "rpi_volt":
                self._alarm = f"{folder}/in0_lcrit_alarm"
            if name in _LEFT_OUT:
                continue
            alike = [other for other, its in named if its == name]
            # nvme0 and nvme1 rather than nvme twice; the number of a chip may be another one after the next start
            called = name if len(alike) == 1 else self._device(folder) or chip
            inputs = files.names(folder)
            heats = [entry for entry in inputs if re.fullmatch(r"temp\d+_input", entry)]
            # a thermal zone shows up as a chip once more
            if name.replace("-", "_") not in of_zones:
                self._temperatures += self._inputs(folder, called, heats)
            self._fans += self._inputs(folder, called, [e for e in inputs if re.fullmatch(r"fan\d+_input", e)])
        self._throttled = self._firmware()

    def _zones(self) -> dict[str, str]:
        """Thermal zones by type; several of a type are numbered (Documentation/driver-api/thermal/sysfs-api.rst)."""
        folder = f"{self.root}/sys/class/thermal"
        zones = [entry for entry in files.names(folder) if re.fullmatch(r"thermal_zone\d+", entry)]
        kinds = {zone: (files.text(f"{folder}/{zone}/type") or zone).strip() for zone in zones}
        found = {}
        for zone, kind in kinds.items():
            several = list(kinds.values()).count(kind) > 1
            found[f"{kind}-{zone.removeprefix('thermal_zone')}" if several else kind] = f"{folder}/{zone}/temp"
        return found

    def _inputs(self, folder: str, chip: str, inputs: list[str]) -> list[tuple[str, str]]:
        found = []
        for entry in inputs:
            label = (files.text(f"{folder}/{entry.removesuffix('_input')}_label") or "").strip()
            own = label or entry.removesuffix("_input")
            found.append((chip if len(inputs) == 1 else f"{chip}-{own}", f"{folder}/{entry}"))
        return found

    def _device(self, folder: str) -> str:
        try:
            return os.path.basename(os.readlink(f"{folder}/device"))  # noqa: PTH115, PTH119
        except OSError:
            return ""

    def _firmware(self) -> str:
        """`soc/soc:firmware` up to the Pi 4, `soc@107c000000/soc@107c000000:firmware` on a Pi 5."""
        top = f"{self.root}/sys/devices/platform"
        for soc in files.names(top):
            if soc == "soc" or soc.startswith("soc@"):
                for entry in files.names(f"{top}/{soc}"):
                    path = f"{top}/{soc}/{entry}/get_throttled"
                    if entry.endswith("firmware") and os.access(path, os.R_OK):
                        return path
        return ""
