"""The tests that take longest, with the seconds they took in a run of test.sh on two processors. They start first, so
that none of them runs alone at the end. A file's name alone stands for those of it that share a machine."""

from __future__ import annotations

from .lab import SUITES

#: those that share a machine, by file: the fixture it comes from. They stay in one process, a suite's together, and
#: with them the others of the file that LONGEST doesn't name.
SHARING = {
    "test_contract.py": "results",
    "test_databases.py": "server",
    "test_logs.py": "machine",
    "test_steps.py": "steps",
}

#: of these one suite's tests run without --all: by far most of their time goes into making that machine
ONE_SUITE = {"test_contract.py": "trixie", "test_logs.py": "trixie", "test_steps.py": "bookworm"}

LONGEST = {
    "test_lynis.py::test_it_is_run_and_the_profile_internet_raises_its_index": 200,
    "test_alerts.py::test_each_alert_and_each_recovery_arrive_once_by_mail_and_by_http": 200,
    "test_cron_record.py::test_a_job_that_fails_or_does_not_come_is_an_alert_until_it_is_mended": 220,
    "test_security.py::test_the_profile_internet_from_a_fresh_machine_and_back": 141,
    "test_restic.py::test_restic_keeps_the_promises": 134,
    "test_steps.py": 130,
    "test_cron_module.py::test_the_daemon_runs_what_was_made_and_a_run_by_hand_is_the_same": 150,
    "test_databases.py": 60,
    "test_contract.py": 60,
    "test_logs.py": 60,
    "test_vpn.py::test_a_tunnel_comes_outlives_a_reboot_and_goes_without_a_trace": 90,
    "test_vpn.py::test_peers_reach_what_they_may_and_changes_leave_the_others_alone": 110,
    "test_vpn.py::test_it_fits_in": 60,
    "test_databases.py::test_what_containers_hold_is_found_dumped_and_drilled": 101,
    "test_hardening.py::test_each_does_what_it_says_and_goes_without_a_trace": 80,
    "test_install.py::test_uninstalling_leaves_nothing_but_the_state_directory": 74,
    "test_backup_module.py::test_backups_are_set_up_run_by_themselves_are_proven_restored_and_taken_back": 71,
    "test_wizard.py::test_a_killed_program_leaves_the_job_running_and_finds_it_at_home": 64,
    "test_system.py::test_a_hostname_that_cloud_init_owns_stays_over_reboots": 60,
    "test_cron_templates.py::test_a_job_from_a_template_is_made_on_the_screen_and_run_by_cron": 57,
    "test_cron.py::test_the_daemon_runs_what_we_say_it_runs": 60,
    "test_backup_places.py::test_a_server_that_fails_and_then_goes_costs_nothing": 58,
    "test_services.py::test_containers_of_both_engines_are_read": 57,
    "test_install.py::test_an_upgrade_leaves_a_running_program_its_files": 55,
    "test_ssh_port.py::test_where_systemd_listens_its_socket_is_changed_the_same_way": 53,
    "test_security.py::test_every_rule_is_kept_as_it_was_meant": 53,
    "test_system.py::test_packages_that_are_missing_come_and_go": 52,
    "test_security.py::test_a_rule_stands_where_it_was_put_and_an_exclusive_table_leaves_only_ssh": 48,
    "test_ssh_port.py::test_without_a_login_over_the_new_port_all_goes_back_by_itself": 47,
    "test_probation.py::test_without_a_terminal_it_goes_back_when_the_peer_does_not_answer": 45,
    "test_security.py::test_the_firewall_keeps_ssh_open_and_goes_as_it_came": 44,
    "test_install.py::test_uninstalling_keeps_packages_that_something_else_needs_by_now": 42,
    "test_security.py::test_a_rule_that_shuts_somebody_out_goes_back_by_itself": 41,
    "test_collector.py::test_power_cuts_lose_the_minute_that_went_on_and_nothing_else": 41,
    "test_users.py::test_an_account_is_made_used_locked_expired_removed_and_all_of_it_taken_back": 40,
    "test_ssh_port.py::test_bans_follow_the_port": 40,
}


def scope(nodeid: str) -> str:
    """What stays in one process with this test: tests of one scope."""
    path, _, rest = nodeid.partition("::")
    file, name = path.rpartition("/")[2], rest.partition("[")[0]
    if file not in SHARING or f"{file}::{name}" in LONGEST:
        return nodeid
    suite = next((each for each in SUITES if each in rest), "")
    return f"{path}@{suite}"
