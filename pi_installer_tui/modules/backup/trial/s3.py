"""A bucket of Amazon S3, or of what speaks it, is tried: each permission that restic needs, and what the bucket does
with what is deleted."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.places import S3Place
from pi_installer_tui.modules.backup.trial import repository
from pi_installer_tui.modules.backup.trial.thread import Tries, in_thread
from pi_installer_tui.modules.backup.trial.tried import Scrub, Tried

if TYPE_CHECKING:  # buckets.py brings boto3, which is imported in the thread
    from pi_installer_tui.modules.backup.buckets import Bucket, Put, Refused, Retention


def tries(settings: S3Place, have: Mapping[str, str], scrub: Scrub, create: bool) -> AsyncIterator[Tried]:
    """What is tried of it. create: the bucket is made where it isn't there."""
    return in_thread(lambda: _tries(settings, have, scrub, create))


def _tries(settings: S3Place, have: Mapping[str, str], scrub: Scrub, create: bool) -> Tries:
    if settings.bucket is None or settings.access_key is None or "secret" not in have:
        yield Tried("settings", False, _("the bucket, the access key and the secret key have to be given"))
        return
    from pi_installer_tui.modules.backup.buckets import Bucket, Silent

    try:
        bucket = Bucket(
            settings.bucket,
            url=settings.url or "",
            region=settings.region or "",
            access_key=settings.access_key,
            secret=have["secret"],
            ca=settings.ca or "",
        )
    except (ValueError, OSError) as error:
        yield Tried("settings", False, scrub(str(error)))
        return
    path = (settings.path or "").strip("/")
    with contextlib.closing(bucket):
        try:
            yield from _Trial(bucket, f"{path}/" if path else "", settings.region or "", scrub, create).tries()
        except Silent as error:
            yield Tried("reach", False, scrub(str(error)))


class _Trial:
    def __init__(self, bucket: Bucket, prefix: str, region: str, scrub: Scrub, create: bool) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._region = region
        self._scrub = scrub
        self._create = create

    def tries(self) -> Tries:
        """Raises Silent."""
        from pi_installer_tui.modules.backup.buckets import Refused

        names: set[str] | None = None
        refused: Refused | None = None
        try:
            names = self._bucket.names(self._prefix)
        except Refused as error:
            refused = error
        yield Tried("reach", True, _("a server answers"))
        login = self._login(refused)
        yield login
        if login.ok is False:
            return
        if refused is not None and refused.code in ("NoSuchBucket", "404"):
            made = self._make(refused)
            yield made
            if not made.ok:
                return
            names, refused = set(), None
        elif names is not None:
            yield Tried("place", True, self._bucket.name)
        else:
            yield Tried("place", None, _("whether the bucket is there can't be told"))
        yield from self._region_and_lock()
        if refused is not None:
            yield Tried("list", False, self._scrub(str(refused)))
        else:
            yield Tried("list", True, f"{self._bucket.name}/{self._prefix}")
        yield from self._object()
        yield Tried("space", None, _("a bucket has no end; what lies there is paid for"))
        if names is not None:
            yield repository.found(names)

    def _login(self, refused: Refused | None) -> Tried:
        said = self._scrub(str(refused or ""))
        match refused.code if refused is not None else "":
            case "InvalidAccessKeyId" | "InvalidClientTokenId" | "InvalidToken" | "UnrecognizedClientException":
                return Tried("login", False, _("the server doesn't know the access key: {said}").format(said=said))
            case "SignatureDoesNotMatch":
                said = _("the secret key isn't the one of the access key: {said}").format(said=said)
                return Tried("login", False, said)
            case "RequestTimeTooSkewed":
                return Tried("login", False, _("this machine's clock is wrong: {said}").format(said=said))
            case "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException":
                region = refused.region if refused is not None else ""
                return Tried("region", False, _("the bucket is in another one: {said}").format(said=said), region)
            case "" | "AccessDenied" | "NoSuchBucket" | "AllAccessDisabled" | "403" | "404":
                return Tried("login", True, _("the access key is taken"))
        return Tried("login", False, said)

    def _make(self, missing: Refused) -> Tried:
        from pi_installer_tui.modules.backup.buckets import Refused

        if not self._create:
            said = _("the bucket isn't there, and can be made: {said}").format(said=self._scrub(str(missing)))
            return Tried("place", False, said)
        try:
            self._bucket.make()
        except Refused as error:
            said = _("the bucket isn't there, and could not be made: {said}").format(said=self._scrub(str(error)))
            return Tried("place", False, said)
        return Tried("place", True, _("the bucket {name} was made").format(name=self._bucket.name))

    def _region_and_lock(self) -> Tries:
        from pi_installer_tui.modules.backup.buckets import Refused

        try:
            region = self._bucket.region()
        except Refused as error:
            yield Tried("region", None, _("can't be told: {said}").format(said=self._scrub(str(error))))
        else:
            if region and self._bucket.amazon and self._region and region != self._region:
                said = _("the bucket is in {region}, not in {given}").format(region=region, given=self._region)
                yield Tried("region", False, said, region)
            else:
                yield Tried("region", None, region or _("this server doesn't tell"), region)
        try:
            yield Tried("lock", None, _lock(self._bucket.retention()))
        except Refused as error:
            yield Tried("lock", None, _("can't be told: {said}").format(said=self._scrub(str(error))))

    def _object(self) -> Tries:
        from pi_installer_tui.modules.backup.buckets import Refused, Silent

        key = f"{self._prefix}pi-installer-tui-trial-{secrets.token_hex(8)}"
        content = secrets.token_bytes(64)
        left: list[Put] = []
        there = False
        try:
            try:
                left.append(self._bucket.put(key, content))
            except Refused as error:
                yield Tried("write", False, self._scrub(str(error)))
                return
            there = True
            yield Tried("write", True, _("an object was put there"))
            try:
                same = self._bucket.get(key) == content
                said = _("it is what was written") if same else _("it isn't what was written")
                yield Tried("read", same, said)
            except Refused as error:
                yield Tried("read", False, self._scrub(str(error)))
            try:
                left.append(self._bucket.delete(key))
            except Refused as error:
                said = _("{said}. {name} stays there, and old snapshots could not be removed either")
                yield Tried("delete", False, said.format(said=self._scrub(str(error)), name=key))
                there = False
                return
            there = False
            kept = self._erase(left)
            left.clear()
            yield Tried("delete", True, kept or _("it is gone again"))
        finally:
            with contextlib.suppress(Refused, Silent):
                if there:
                    left.append(self._bucket.delete(key))
                self._erase(left)

    def _erase(self, left: list[Put]) -> str:
        """Its versions too, the mark of the deletion first; why one stays."""
        from pi_installer_tui.modules.backup.buckets import Refused

        why = ""
        for put in reversed(left):
            try:
                self._bucket.erase(put)
            except Refused as error:
                said = _("it is gone, but a hidden version of 64 bytes stays: {said}")
                why = said.format(said=self._scrub(str(error)))
        return why


def _lock(retention: Retention) -> str:
    """What a bucket's settings mean for retention here."""
    if retention.mode:
        said = _(
            "object lock: whatever is written can't really be deleted for {days} days ({mode}). Retention removes "
            "snapshots all the same, but what they took is freed, and no longer paid for, only after that, and only "
            "where a lifecycle rule of the bucket deletes old versions"
        )
        return said.format(days=retention.days, mode=retention.mode)
    if retention.versions == "Enabled":
        said = _(
            "versions are kept: what retention removes stays as an old version, which is paid for, until a lifecycle "
            "rule of the bucket deletes it"
        )
        return said + (_(". Objects can be locked, and by themselves aren't") if retention.lock else "")
    return _("none: what is deleted is gone")
