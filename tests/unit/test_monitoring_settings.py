"""What can be wanted of monitoring: nothing gets past the settings that would be something else in a file, an argument
or a request; and what the collector is told comes back as the same settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_installer_tui.alerts.config import Channel, Config, DeadMan, Exporter, QuietHours, Rule, dump, load
from pi_installer_tui.modules.monitoring import wanted
from pi_installer_tui.modules.monitoring.settings import MonitoringSettings
from pi_installer_tui.modules.monitoring.usual import LOGIN, NAMES, USUAL
from pi_installer_tui.widgets.form.fields import shape_of

HIDDEN = "hunter2hunter2"


def settings(**document: Any) -> MonitoringSettings:
    return MonitoringSettings.model_validate(document)


def told(now: Config = Config(), there: frozenset[str] = frozenset(), **document: Any) -> Config:  # noqa: B008
    return wanted.wanted(now, settings(**document), there).config


# what is refused --------------------------------------------------------------------------------------------------

METRIC: dict[str, Any] = {"what": "metric", "metric": "cpu.used", "at": 90}


@pytest.mark.parametrize(
    "rule",
    [
        {"what": "metric", "metric": "cpu.heat", "at": 1},
        {"what": "metric", "metric": "cpu.used\n", "at": 1},
        {"what": "metric", "metric": "cpu.used", "at": "90"},
        {"what": "metric", "metric": "cpu.used", "at": float("nan")},
        {"what": "metric", "metric": "cpu.used", "at": float("inf")},
        {"what": "metric", "metric": "cpu.used", "at": True},
        {**METRIC, "clears": 91},
        {**METRIC, "side": "below", "clears": 89},
        {**METRIC, "unit": "ssh.service"},
        {**METRIC, "lasts": -1},
        {**METRIC, "state": "absent"},
        {**METRIC, "channels": ["a", "a"]},
        {"what": "service", "unit": "--root=/"},
        {"what": "service", "unit": "a b.service"},
        {"what": "service", "unit": ""},
        {"what": "log", "pattern": "(", "count": 1},
        {"what": "log", "pattern": "a\nb"},
        {"what": "log", "pattern": "x", "count": 0},
        {"what": "reach", "host": "-c1"},
        {"what": "reach", "host": "example.org:0"},
        {"what": "reach", "host": "example.org:99999"},
        {"what": "reach", "host": "fe80::1%eth0"},
        {"what": "certificate", "certificate": "/etc/../shadow"},
        {"what": "certificate", "certificate": "example.org"},
        {"what": "certificate", "certificate": "/etc/x y.pem"},
        {"what": "weather"},
        {"metric": "cpu.used", "at": 1},
    ],
)
def test_a_rule_that_is_none_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(rules={"a": rule})


@pytest.mark.parametrize(
    "channel",
    [
        {"by": "mail", "host": "smtp.example.org", "password": HIDDEN},
        {"by": "mail", "host": "smtp example.org"},
        {"by": "mail", "to": ["a@b.org\nBcc: c@d.org"]},
        {"by": "mail", "to": ["a@b.org, c@d.org"]},
        {"by": "mail", "sender": "Ada <a@b.org>"},
        {"by": "mail", "port": 0},
        {"by": "ntfy", "url": "ntfy.sh/topic"},
        {"by": "ntfy", "url": f"https://ada:{HIDDEN}@ntfy.sh/topic"},
        {"by": "ntfy", "url": "file:///etc/shadow"},
        {"by": "ntfy", "url": "https://ntfy.sh/a b"},
        {"by": "ntfy", "url": "https://ntfy.sh:0/a"},
        {"by": "ntfy", "url": "https://ntfy.sh/{secret}"},
        {"by": "webhook", "url": "https://a.org/{secret}/{secret}"},
        {"by": "webhook", "url": "https://a.org/{token}"},
        {"by": "telegram", "chat": 12, "token": "monitoring.t"},
        {"by": "telegram", "chat": "1; 2", "token": "monitoring.t"},
        {"by": "gotify", "token": "users.ada"},
        {"by": "login-message", "url": "https://a.org/"},
        {"by": "pigeon"},
    ],
)
def test_a_channel_that_is_none_is_refused_and_nothing_of_it_is_repeated(channel: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(channels={"a": channel})
    assert HIDDEN not in str(refused.value)


@pytest.mark.parametrize(
    "document",
    [
        {"interval": 1},
        {"history": "remove"},
        {"history": "remove", "enabled": True},
        {"quiet_hours": {"since": "24:00"}},
        {"dead_man": {"url": "https://hc-ping.com/uuid"}},
        {"exporter": {"address": "localhost"}},
        {"exporter": {"port": 80}},
        {"rules": {"Big": METRIC}},
        {"rules": {"a.b": METRIC}},
    ],
)
def test_what_else_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**document)


def test_an_entry_that_goes_needs_nothing_but_that() -> None:
    gone = settings(rules={"a": {"state": "absent"}}, channels={"b": {"state": "absent"}})
    assert gone.rules is not None and gone.rules["a"].state == "absent"
    now = Config(rules=(Rule("a", "log", of="x"),), channels=(Channel("b", "ntfy", url="https://a.org/x"),))
    assert wanted.wanted(now, gone, ()).config == Config()


@given(st.text(max_size=40))
def test_no_text_is_more_than_one_word_of_a_command_or_line_of_a_header(text: str) -> None:
    for document in (
        {"rules": {"a": {"what": "service", "unit": text}}},
        {"rules": {"a": {"what": "reach", "host": text}}},
        {"rules": {"a": {"what": "certificate", "certificate": text}}},
        {"channels": {"a": {"by": "mail", "host": text}}},
        {"channels": {"a": {"by": "mail", "to": [text]}}},
        {"channels": {"a": {"by": "webhook", "url": text}}},
    ):
        try:
            settings(**document)
        except ValidationError:
            continue
        assert text == text.strip() and text.isascii() and not set(text) & set(' \t\r\n\0"<>')
        assert not text.startswith("-")


# a form can show them ---------------------------------------------------------------------------------------------


def test_a_form_has_a_field_for_each_and_no_secret_has_a_value_of_its_own() -> None:
    fields = {field.name: field for field in shape_of(MonitoringSettings).fields()}
    rules, channels = fields["rules"].shape, fields["channels"].shape
    assert rules is not None and set(rules.variants) == {"metric", "service", "log", "reach", "certificate", "updates"}
    assert channels is not None and channels.discriminator == "by"
    kinds = {field.name: field.kind for field in channels.fields("mail")}
    assert kinds["password"] == "secret" and kinds["to"] == "list" and kinds["port"] == "number"
    assert {field.name: field.kind for field in rules.fields("metric")}["at"] == "number"


# what the collector is told ---------------------------------------------------------------------------------------


def test_left_out_is_left_alone() -> None:
    now = Config(rules=(Rule("heat", "metric", of="temperature.*.now", at=70, clears=60, lasts=120),), interval=30)
    changed = told(now, rules={"heat": {"what": "metric", "at": 75}})
    assert changed == replace(now, rules=(replace(now.rules[0], at=75.0),))
    assert told(now) == now


def test_a_rule_of_another_kind_starts_anew() -> None:
    now = Config(rules=(Rule("a", "metric", of="cpu.used", at=90, clears=80, severity="critical"),))
    (rule,) = told(now, rules={"a": {"what": "certificate", "certificate": "a.org:443", "days": 30}}).rules
    assert rule == Rule("a", "certificate", of="a.org:443", side="below", at=30, clears=31)


def test_the_usual_rules_come_beside_what_is_there_and_go_again() -> None:
    own = Rule("disk-full", "metric", of="disk./srv.used", at=50)
    other = Rule("mine", "reach", of="192.168.1.1")
    config = told(Config(rules=(own, other)), usual_rules=True)
    assert {rule.name for rule in config.rules} == NAMES | {"mine"}
    assert own in config.rules, "one that is there stays as it is"
    assert told(config, usual_rules=False).rules == (other,)
    dropped = told(Config(), usual_rules=True, rules={"swap": {"state": "absent"}})
    assert {rule.name for rule in dropped.rules} == NAMES - {"swap"}


def test_the_usual_rules_dont_come_and_go() -> None:
    for rule in USUAL:
        assert rule.lasts or rule.clears is not None, rule.name
        if rule.clears is not None:
            assert rule.clears < rule.at if rule.side == "above" else rule.clears > rule.at
    assert load(dump(Config(rules=USUAL, channels=(LOGIN,)))).rules == USUAL


def test_a_secret_that_isnt_there_leaves_its_channel_as_it_was() -> None:
    now = Config(channels=(Channel("phone", "ntfy", url="https://a.org/x"),))
    document = {"channels": {"phone": {"by": "ntfy", "url": "https://b.org/y", "token": "monitoring.phone"}}}
    found = wanted.wanted(now, settings(**document), ())
    assert found.config == now and found.lacking == {"channels.phone.token": "monitoring.phone"}
    given = wanted.wanted(now, settings(**document), {"monitoring.phone"})
    (channel,) = given.config.channels
    assert channel.secret == "/etc/pi-installer-tui/secrets/monitoring.phone" and not given.lacking
    assert wanted.secrets(given.config) == {"monitoring.phone"}


def test_the_sign_of_life_needs_its_url() -> None:
    found = wanted.wanted(Config(), settings(dead_man={"enabled": True, "url": "monitoring.ping"}), ())
    assert found.config.dead_man is None and found.lacking == {"dead_man.url": "monitoring.ping"}
    on = told(there=frozenset({"monitoring.ping"}), dead_man={"enabled": True, "url": "monitoring.ping", "every": 60})
    assert on.dead_man == DeadMan("/etc/pi-installer-tui/secrets/monitoring.ping", 60)
    assert told(on, dead_man={"every": 90}).dead_man == replace(on.dead_man, every=90)
    assert told(on, dead_man={"enabled": False}).dead_man is None


# and back ---------------------------------------------------------------------------------------------------------

_names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True)
_whole = st.integers(0, 100_000).map(float)
_severity = st.sampled_from(["info", "warning", "critical"])
_common: dict[str, Any] = {
    "severity": _severity,
    "repeats": _whole,
    "quiet": st.booleans(),
    "channels": st.lists(_names, max_size=3, unique=True).map(tuple),
    "enabled": st.booleans(),
}
_rules: st.SearchStrategy[Rule] = st.one_of(
    st.builds(
        Rule,
        _names,
        st.just("metric"),
        of=st.sampled_from(["cpu.used", "disk.*.used", "disk./srv.used"]),
        side=st.just("above"),
        at=st.floats(0, 1e9),
        clears=st.none() | st.floats(-1e9, 0),
        lasts=_whole,
        **_common,
    ),
    st.builds(Rule, _names, st.just("service"), of=st.sampled_from(["*", "a.service"]), lasts=_whole, **_common),
    st.builds(
        Rule,
        _names,
        st.just("log"),
        of=st.sampled_from(["x+", "error"]),
        unit=st.sampled_from(["", "a.service"]),
        count=st.integers(1, 99),
        lasts=st.integers(1, 86400).map(float),
        **_common,
    ),
    st.builds(Rule, _names, st.just("reach"), of=st.sampled_from(["1.2.3.4", "a.org:22"]), lasts=_whole, **_common),
    st.integers(1, 365).flatmap(
        lambda days: st.builds(
            Rule,
            _names,
            st.just("certificate"),
            of=st.just("a.org:443"),
            side=st.just("below"),
            at=st.just(float(days)),
            clears=st.just(float(days + 1)),
            **_common,
        )
    ),
    st.builds(Rule, _names, st.just("updates"), at=st.integers(0, 1000).map(float), lasts=_whole, **_common),
)
_file = st.sampled_from(["", "/etc/pi-installer-tui/secrets/monitoring.a.b"])
_channels: st.SearchStrategy[Channel] = st.one_of(
    st.builds(
        Channel,
        _names,
        st.just("mail"),
        host=st.just("a.org"),
        port=st.integers(1, 65535),
        tls=st.sampled_from(["starttls", "tls", "none"]),
        user=st.sampled_from(["", "ada"]),
        sender=st.just("a@b.org"),
        to=st.just(("c@d.org", "root")),
        secret=_file,
        least=_severity,
    ),
    st.builds(Channel, _names, st.just("ntfy"), url=st.just("https://a.org/x"), secret=_file, least=_severity),
    st.builds(Channel, _names, st.just("webhook"), url=st.just("https://a.org/{secret}"), secret=_file),
    st.builds(Channel, _names, st.just("telegram"), url=st.just(wanted.TELEGRAM), chat=st.just("-12"), secret=_file),
    st.builds(Channel, _names, st.just("gotify"), url=st.just("https://a.org"), secret=_file),
    st.builds(Channel, _names, st.just("login-message"), least=_severity),
)
_configs = st.builds(
    Config,
    interval=st.integers(2, 300),
    rules=st.lists(_rules, max_size=4, unique_by=lambda rule: rule.name).map(tuple),
    channels=st.lists(_channels, max_size=4, unique_by=lambda channel: channel.name).map(tuple),
    quiet=st.none() | st.builds(QuietHours, since=st.just("23:10"), until=st.just("06:00")),
    dead_man=st.none() | st.builds(DeadMan, st.just("/etc/pi-installer-tui/secrets/monitoring.p"), st.just(60)),
    exporter=st.none() | st.builds(Exporter, st.sampled_from(["0.0.0.0", "::1"]), st.integers(1024, 65535)),
)


@given(_configs)
def test_what_the_collector_is_told_comes_back_as_settings_that_tell_the_same(config: Config) -> None:
    document = wanted.present(config)
    wants = settings(**document)
    assert wanted.wanted(config, wants, wanted.secrets(config)).config == config
    fresh = wanted.wanted(Config(), wants, wanted.secrets(config)).config
    assert sorted(fresh.rules, key=lambda r: r.name) == sorted(config.rules, key=lambda r: r.name)
    assert replace(fresh, rules=()) == replace(config, rules=())
