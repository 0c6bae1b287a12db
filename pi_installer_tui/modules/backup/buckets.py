"""Buckets of Amazon S3, and of what speaks it, by boto3: imported only here, and this only where a bucket is looked at
or made. Nothing here is asynchronous; a screen runs it in a thread.

Source: Amazon's S3 API reference; for who is asked by path and who by name, minio-go's `bucketLookup`, which restic
uses."""

from __future__ import annotations

import base64
import hashlib
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    ReadTimeoutError,
    SSLError,
)

from pi_installer_tui.i18n import _

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AMAZON = "https://s3.amazonaws.com"
#: what Debian's ca-certificates keeps; botocore has a list of its own otherwise, and restic hasn't
_SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
_BY_NAME = ("amazonaws.com", "amazonaws.com.cn", "googleapis.com", "aliyuncs.com")


class Refused(Exception):
    """The provider answered, and not what was asked for. code: its own word (`AccessDenied`); status: of HTTP; region:
    where the bucket is, when it says so."""

    def __init__(self, code: str, message: str, status: int, region: str = "") -> None:
        super().__init__(f"{status} {code}: {message}" if message else f"{status} {code}")
        self.code = code
        self.status = status
        self.region = region


class Silent(Exception):
    """There was no answer, or none that is S3: why, in words."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What a bucket does with what is deleted. lock: whether objects can be locked; mode: `GOVERNANCE` or `COMPLIANCE`
    where they are by themselves, "" where not; days: for so long; versions: `Enabled`, `Suspended` or ""."""

    lock: bool
    mode: str
    days: int
    versions: str


@dataclass(frozen=True, slots=True)
class Put:
    """An object that was put there; version: "" where the bucket has none."""

    key: str
    version: str


class Bucket:
    """A bucket at a server. All methods raise Refused and Silent."""

    def __init__(
        self,
        name: str,
        *,
        url: str = "",
        region: str = "",
        access_key: str,
        secret: str,
        ca: str = "",
        silence: float = 20,
    ) -> None:
        """url: "": Amazon; ca: a PEM file with the certificates to trust instead of the system's; silence: seconds
        that the server may take to answer."""
        self.name = name
        url = url.rstrip("/")
        host = urllib.parse.urlsplit(url or AMAZON).hostname or ""
        self.amazon = host.endswith(("amazonaws.com", "amazonaws.com.cn"))
        by_name = any(host == each or host.endswith(f".{each}") for each in _BY_NAME)
        self._region = region
        self._client: S3Client = boto3.session.Session(
            aws_access_key_id=access_key, aws_secret_access_key=secret, region_name=region or "us-east-1"
        ).client(
            "s3",
            # Amazon's region is part of its server's name, so boto3 is left to find it
            endpoint_url=None if url in ("", AMAZON) else url,
            verify=ca or (_SYSTEM if Path(_SYSTEM).exists() else None),
            config=Config(
                signature_version="s3v4",
                connect_timeout=10,
                read_timeout=silence,
                retries={"total_max_attempts": 2, "mode": "standard"},
                s3={"addressing_style": "auto" if by_name else "path"},
                # what others than Amazon don't know
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def close(self) -> None:
        """Its connections."""
        self._client.close()

    def names(self, prefix: str) -> set[str]:
        """What lies directly below a prefix (`""` or `a/`): 1000 at most."""
        with _words():
            found = self._client.list_objects_v2(Bucket=self.name, Prefix=prefix, Delimiter="/", MaxKeys=1000)
        objects = [each.get("Key", "") for each in found.get("Contents", [])]
        folders = [each.get("Prefix", "") for each in found.get("CommonPrefixes", [])]
        return {name.removeprefix(prefix).rstrip("/") for name in (*objects, *folders)} - {""}

    def region(self) -> str:
        """Where it is; "" where the server doesn't say."""
        with _words():
            headers = self._client.head_bucket(Bucket=self.name)["ResponseMetadata"]["HTTPHeaders"]
        if said := headers.get("x-amz-bucket-region"):
            return said
        with _words():
            return self._client.get_bucket_location(Bucket=self.name).get("LocationConstraint") or ""

    def make(self) -> None:
        """Makes it, in the region that was given."""
        place: dict[str, Any] = {}
        if self._region and self._region != "us-east-1":
            place = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        with _words():
            self._client.create_bucket(Bucket=self.name, **place)

    def retention(self) -> Retention:
        """What it does with what is deleted."""
        with _words():
            versions = self._client.get_bucket_versioning(Bucket=self.name).get("Status", "")
        lock: dict[str, Any] = {}
        try:
            with _words():
                lock = dict(self._client.get_object_lock_configuration(Bucket=self.name)["ObjectLockConfiguration"])
        except Refused as error:
            # 404 where there is none; who doesn't know it at all says so in other ways
            if error.status not in (400, 404, 405, 501):
                raise
        rule = lock.get("Rule", {}).get("DefaultRetention", {})
        days = int(rule.get("Days", 0) or 365 * rule.get("Years", 0))
        return Retention(lock.get("ObjectLockEnabled") == "Enabled", rule.get("Mode", ""), days, versions)

    def put(self, key: str, content: bytes) -> Put:
        """Puts an object there. A bucket that locks objects wants its MD5."""
        digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        with _words():
            answer = self._client.put_object(Bucket=self.name, Key=key, Body=content, ContentMD5=digest)
        return Put(key, _version(answer))

    def get(self, key: str) -> bytes:
        """An object's content."""
        with _words():
            return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def delete(self, key: str) -> Put:
        """Deletes it as restic does: in a bucket with versions a mark is put upon it, which is returned."""
        with _words():
            return Put(key, _version(self._client.delete_object(Bucket=self.name, Key=key)))

    def erase(self, put: Put) -> None:
        """Deletes a version, or the mark of a deletion."""
        if put.version:
            with _words():
                self._client.delete_object(Bucket=self.name, Key=put.key, VersionId=put.version)


def _version(answer: Any) -> str:
    found = answer.get("VersionId")
    return found if isinstance(found, str) and found != "null" else ""


@contextmanager
def _words() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        meta = error.response.get("ResponseMetadata", {})
        headers = meta.get("HTTPHeaders", {})
        region = str(told.get("Region") or headers.get("x-amz-bucket-region") or "")
        status = int(meta.get("HTTPStatusCode", 0))
        raise Refused(str(told.get("Code", "")), str(told.get("Message", "")), status, region) from None
    except SSLError as error:
        raise Silent(_("no encrypted connection: {why}").format(why=error.kwargs.get("error", error))) from None
    except (ConnectTimeoutError, ReadTimeoutError):
        raise Silent(_("no answer in time")) from None
    except BotoCoreError as error:  # an answer that isn't S3's, and a name that can't be a bucket's, too
        raise Silent(str(_reason(error))) from None


def _reason(error: BotoCoreError) -> object:
    """The system's own words below urllib3's: `Connection refused`."""
    found: Any = error.kwargs.get("error", error)
    for _depth in range(5):
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        below = getattr(found, "reason", None) or found.__cause__ or found.__context__
        if not isinstance(below, BaseException):
            break
        found = below
    return found
