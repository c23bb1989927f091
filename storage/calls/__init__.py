"""Calls: announcements, runs, search, results, corrections and deletion."""

from storage.calls.announce import (
    NewCall,
    NewFile,
    add_files,
    announce,
    call_id_for,
    get_files,
    set_file,
)
from storage.calls.deletion import delete_call, was_deleted
from storage.calls.in_progress import active_calls, count_by_status, failed_calls
from storage.calls.lookup import get_call, lock_call
from storage.calls.results import (
    ResultRows,
    get_moments,
    get_participants,
    get_people_of,
    get_transcript,
    get_turns,
    get_windows,
    save_result,
)
from storage.calls.runs import (
    ACTIVE,
    Status,
    begin_run,
    set_host_name,
    set_report_path,
    set_status,
)
from storage.calls.search import CallFilter, Page, find_calls

__all__ = [
    "ACTIVE", "CallFilter", "NewCall", "NewFile", "Page", "ResultRows", "Status", "active_calls",
    "add_files", "announce", "begin_run", "call_id_for", "count_by_status", "delete_call",
    "failed_calls", "find_calls", "get_call", "get_files", "get_moments", "get_participants",
    "get_people_of", "get_transcript", "get_turns", "get_windows", "lock_call", "save_result",
    "set_file", "set_host_name", "set_report_path", "set_status", "was_deleted",
]  # fmt: skip
