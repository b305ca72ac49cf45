"""Each variable of the environment has a test that sees what it does: which one, by name.

A setting that is parsed and then forgotten is worse than none. Whoever adds one adds the test, and names it here.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from runner.settings_report import describe_settings

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"

POOLS = "integration/environment/test_pools.py::"
SERVING = "integration/environment/test_serving.py::"
HTTP_TASKS = "integration/http_tasks/test_served.py::"
EXECUTOR = "integration/executor/test_executor_settings.py::"
BACKUP = "integration/backup/"
BACKUP_SETTINGS = "unit/runner/backup/test_settings.py::"
TASKS_SERVER = "integration/tasks_server/test_serving.py::"
SEEN = {
    "AWS_REGION": BACKUP_SETTINGS + "test_amazons_region_and_token_are_those_of_requests",
    "AWS_SESSION_TOKEN": BACKUP_SETTINGS + "test_amazons_region_and_token_are_those_of_requests",
    "BACKUP_CRON": BACKUP + "test_schedule.py::test_runners_make_backups_by_themselves",
    "BACKUP_CRON_PATTERN_SQLITE": BACKUP
    + "test_schedule.py::test_the_seeds_names_set_the_schedule_and_so_many_are_kept",
    "BACKUP_CRON_TZ": BACKUP + "test_schedule.py::test_runners_make_backups_by_themselves",
    "BACKUP_CRON_TZ_SQLITE": BACKUP
    + "test_schedule.py::test_the_seeds_names_set_the_schedule_and_so_many_are_kept",
    "BACKUP_FOLDER": BACKUP + "test_commands.py::test_where_backups_are_kept_can_be_set",
    "BACKUP_KEEP": BACKUP
    + "test_schedule.py::test_the_seeds_names_set_the_schedule_and_so_many_are_kept",
    "BACKUP_METHOD": BACKUP + "test_commands.py::test_settings_of_backups_are_checked",
    "BACKUP_METHOD_SQLITE": BACKUP
    + "test_commands.py::test_object_storage_is_set_by_the_seeds_variables",
    "BACKUP_OBJECT_STORAGE_ACCESS_KEY": BACKUP
    + "test_commands.py::test_object_storage_is_set_by_the_seeds_variables",
    "BACKUP_OBJECT_STORAGE_BUCKET_NAME": BACKUP
    + "test_commands.py::test_object_storage_is_set_by_the_seeds_variables",
    "BACKUP_OBJECT_STORAGE_ENDPOINT": BACKUP
    + "test_commands.py::test_object_storage_is_set_by_the_seeds_variables",
    "BACKUP_OBJECT_STORAGE_PATH": BACKUP
    + "test_commands.py::test_object_storage_is_set_by_the_seeds_variables",
    "BACKUP_OBJECT_STORAGE_SECRET_KEY": BACKUP
    + "test_commands.py::test_object_storage_is_set_by_the_seeds_variables",
    "ASSETS_CACHE_MAX_BYTES": "integration/store/test_assets.py::test_so_much_is_kept",
    "CACHE_MAX_BYTES": "integration/cache/test_caches.py::test_all_keep_so_much",
    "CACHE_MAX_BYTES_PER_TENANT": "integration/cache/test_caches.py::test_a_tenant_keeps_so_much",
    "CONNECTIVITY_HOSTNAME": HTTP_TASKS
    + "test_without_a_network_tasks_wait_and_a_runner_ends_all_the_same",
    "CODE_CACHE_MAX_BYTES": POOLS + "test_compiled_code_is_kept_unless_none_may_be",
    "CONTEXT_REUSE": SERVING + "test_contexts_may_be_used_again",
    "CONTROL_ADDR": SERVING + "test_addresses_are_where_it_listens",
    "CONTROL_TOKEN": "integration/test_serve.py::test_without_a_token_its_api_is_closed_and_its_probes_are_open",
    "CONTROL_URL": "integration/api/test_verbs.py::test_a_wrong_token_an_unreachable_runner_and_none_at_all_are_told_apart",
    "CPU_TIME_LIMIT_MS": "acceptance/test_service.py::test_each_misbehaviour_is_one_answer_and_the_next_request_is_served",
    "DATABASE_URL": "integration/test_serve.py::test_it_serves_what_is_in_the_database_and_what_comes_into_it",
    "DB_POOL_WORKER_SIZE": SERVING + "test_workers_have_so_many_sessions_in_databases",
    "DRAIN_TIMEOUT_MS": "integration/test_dev.py::test_drain_tells_executions_and_ends_them_in_time",
    "EXPOSE_ERRORS": "integration/test_dev.py::test_error_texts_stay_inside_if_wanted",
    "FETCH_ALLOW_PRIVATE_NETWORK": POOLS + "test_this_machine_is_out_of_reach_unless_it_is_allowed",
    "HTTP_ADDR": SERVING + "test_addresses_are_where_it_listens",
    "HTTP_TASKS_ALLOWED_NETWORKS": HTTP_TASKS
    + "test_a_runner_sends_as_many_at_once_as_it_may_where_owners_may",
    "HTTP_TASKS_CONCURRENCY": HTTP_TASKS
    + "test_a_runner_sends_as_many_at_once_as_it_may_where_owners_may",
    "HTTP_POOL_MAX_IDLE_PER_HOST": POOLS + "test_so_many_connections_stay_open",
    "ISOLATE_HEAP_INITIAL_MB": POOLS + "test_a_larger_first_heap_is_collected_later",
    "ISOLATE_HEAP_MAX_MB": "acceptance/test_service.py::test_each_misbehaviour_is_one_answer_and_the_next_request_is_served",
    "ISOLATE_HOSTS": POOLS + "test_lanes_are_spread_over_hosts",
    "ISOLATE_POOL_SIZE": "integration/calls/test_worker_to_worker.py::test_without_a_place_for_calls_they_fail_at_once",
    "ISOLATE_QUEUE_SIZE": POOLS + "test_so_many_wait_so_long_for_a_lanes_isolate",
    "ISOLATE_QUEUE_TIMEOUT_MS": POOLS + "test_so_many_wait_so_long_for_a_lanes_isolate",
    "ISOLATE_SANDBOX": "integration/test_doctor.py::test_without_the_sandbox_it_says_so",
    "JOB_CONCURRENCY": EXECUTOR + "test_each_of_several_processes_has_all_places",
    "JOB_LOCK_DURATION": EXECUTOR + "test_a_task_is_its_executors_for_as_long_as_the_lease_is",
    "JOB_POLL_INTERVAL": "unit/runner/test_executor_options.py::test_an_executor_serves_what_the_settings_say",
    "JOB_STALE_CHECK_INTERVAL": "unit/runner/test_executor_options.py::test_an_executor_serves_what_the_settings_say",
    "JOB_TASK_TYPES": EXECUTOR + "test_only_the_types_that_match_are_taken",
    "JOB_WORKER_ID": EXECUTOR
    + "test_an_executor_has_the_name_that_it_was_given_and_tells_what_it_does",
    "LOG_FORMAT": "integration/test_serve.py::test_machines_read_its_log_as_objects",
    "LOG_LEVEL": SERVING + "test_the_log_has_what_is_grave_enough",
    "LOG_RETENTION_DAYS": SERVING + "test_old_lines_and_lines_above_the_number_go",
    "LOG_RETENTION_LINES": SERVING + "test_old_lines_and_lines_above_the_number_go",
    "MAX_CONCURRENT_PER_TENANT": POOLS + "test_a_tenant_has_so_many_places_over_all_its_workers",
    "MAX_CONCURRENT_PER_WORKER": "integration/test_dev.py::test_at_most_so_many_run_at_once_and_so_many_wait",
    "MAX_ISOLATES_PER_TENANT": POOLS + "test_a_tenant_has_so_many_isolates_on_a_lane",
    "MAX_PENDING_TASKS_PER_TENANT": "integration/test_tasks_in_dev.py::test_so_many_tasks_of_a_tenant_may_wait_whichever_door_they_come_through",
    "MAX_QUEUED_WORKERS": "integration/test_dev.py::test_at_most_so_many_run_at_once_and_so_many_wait",
    "MAX_REQUEST_BODY_BYTES": "integration/test_dev.py::test_a_body_above_the_limit_is_413",
    "NATS_CREDENTIALS": SERVING + "test_credentials_open_the_bus",
    "NATS_SERVERS": "integration/nats/test_processes.py::test_a_gateway_serves_what_runners_have",
    "NO_COLOR": SERVING + "test_colours_are_for_terminals_that_want_them",
    "OTLP_ENDPOINT": "integration/telemetry/test_telemetry.py::test_a_request_is_a_trace_and_metrics",
    "OTLP_HEADERS": SERVING + "test_a_collector_is_told_who_sends_and_with_what_leave",
    "OTLP_SERVICE_NAME": SERVING + "test_a_collector_is_told_who_sends_and_with_what_leave",
    "OTLP_TRACES_PER_SECOND": "integration/telemetry/test_telemetry.py::test_errors_are_kept_when_nothing_is_sampled",
    "POSTGRES_DB": SERVING + "test_a_database_may_be_named_in_parts",
    "POSTGRES_HOST": SERVING + "test_a_database_may_be_named_in_parts",
    "POSTGRES_PASSWORD": SERVING + "test_a_database_may_be_named_in_parts",
    "POSTGRES_PORT": SERVING + "test_a_database_may_be_named_in_parts",
    "POSTGRES_USER": SERVING + "test_a_database_may_be_named_in_parts",
    "RUNNER_PROCESSES": "integration/test_runner_processes.py::test_they_share_the_address_and_the_lanes",
    "RUNNER_SCHEDULING": SERVING + "test_the_kernel_schedules_the_loop_as_it_is_told",
    "S3_REGION": BACKUP + "test_commands.py::test_object_storage_is_set_by_the_seeds_variables",
    "S3_SESSION_TOKEN": BACKUP_SETTINGS + "test_amazons_region_and_token_are_those_of_requests",
    "SECRETS_KEY": "integration/store/test_secrets.py::test_migrate_up_seals_when_there_is_a_key",
    "SNAPSHOT_CACHE_MAX": POOLS + "test_compiled_code_is_kept_unless_none_may_be",
    "SNAPSHOT_DIR": SERVING + "test_the_snapshot_is_kept_where_it_is_wanted",
    "PATH_TLS_CA": TASKS_SERVER + "test_its_listener_speaks_tls_with_a_certificate",
    "PATH_TLS_CERT": TASKS_SERVER + "test_its_listener_speaks_tls_with_a_certificate",
    "PATH_TLS_KEY": TASKS_SERVER + "test_its_listener_speaks_tls_with_a_certificate",
    "TASKS_ADDR": TASKS_SERVER + "test_it_is_on_both_listeners_and_sends_what_is_registered",
    "TASKS_CERTIFICATES_FOLDER": TASKS_SERVER
    + "test_settings_say_who_registers_how_often_and_where_certificates_lie",
    "TASKS_RATE_REQUESTS": TASKS_SERVER
    + "test_settings_say_who_registers_how_often_and_where_certificates_lie",
    "TASKS_RATE_WINDOW_MS": TASKS_SERVER
    + "test_settings_say_who_registers_how_often_and_where_certificates_lie",
    "TASKS_REGISTRATION_TOKEN": TASKS_SERVER
    + "test_settings_say_who_registers_how_often_and_where_certificates_lie",
    "TRUSTED_PROXIES": SERVING + "test_only_proxies_are_believed",
    "V8_EXECUTE": POOLS + "test_the_mode_says_whether_isolates_are_used_again",
    "V8_FLAGS": POOLS + "test_v8_gets_the_flags",
    "V8_JITLESS": POOLS + "test_without_compilers_there_is_no_webassembly",
    "WALL_CLOCK_TIMEOUT_MS": "acceptance/test_service.py::test_each_misbehaviour_is_one_answer_and_the_next_request_is_served",
    "WORKER_DOMAINS": SERVING + "test_a_worker_has_its_name_below_each_worker_domain",
    "WORKER_POOL_SIZE": POOLS + "test_lanes_are_spread_over_hosts",
    "WORKER_WAIT_TIMEOUT_MS": POOLS + "test_nobody_waits_longer_for_a_turn",
}
ELSEWHERE = {
    # A variable that is not seen here: why.
    "JOB_TIMEOUT": "the durable queue's own tests see it",
    "TASK_TABLE": "the durable queue's own tests see it",
}
LIMITS = re.compile(r"LIMIT_[A-Z]+")
"""All in one table, which the core gets: tests/unit/runner/test_op_places.py sees each set, the ops' own tests what it does."""

VARIABLES = {setting.variable for setting in describe_settings({}, ROOT / "nowhere")}


@cache
def read(path: str) -> tuple[str, frozenset[str]]:
    """Give the text of a file of tests, and the names of its tests."""
    text = (TESTS / path).read_text("utf-8")
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return text, frozenset(
        node.name for node in ast.walk(ast.parse(text)) if isinstance(node, functions)
    )


def test_each_variable_has_a_test() -> None:
    """Also those that are not in the table of settings, but belong to one of it."""
    limits = {variable for variable in VARIABLES if LIMITS.fullmatch(variable)}
    assert VARIABLES - limits == SEEN.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("variable", sorted(SEEN))
def test_the_test_is_there_and_sets_the_variable(variable: str) -> None:
    """By its name, in the environment of what is tested."""
    path, _, name = SEEN[variable].partition("::")
    text, tests = read(path)
    assert name in tests
    prefix = "POSTGRES_" if variable.startswith("POSTGRES_") else variable
    assert re.search(rf"\b{prefix}", text)
