"""What Slack's error codes mean, as errors that say which method refused, why, and what to do."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError

from integrations.errors import (
    AuthFailed,
    IntegrationError,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    UnexpectedResponse,
)

_WAIT_WITHOUT_WORD_S = 30.0

_REFUSED = {
    "invalid_auth": "the token is not valid",
    "not_authed": "no token was sent",
    "account_inactive": "the app or its workspace was removed",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has expired",
    "no_permission": "the token's app lacks a permission",
    "org_login_required": "the workspace requires a sign-in to its organisation",
    "team_access_not_granted": "the app is not installed in this workspace",
    "access_denied": "access was denied",
    "not_allowed_token_type": "this type of token is not allowed (use a bot token, xoxb-…)",
    "ekm_access_denied": "the workspace's administrators have suspended access",
    "accesslimited": "access is limited on this network",
    "two_factor_setup_required": "the workspace requires two-factor authentication",
    "enterprise_is_restricted": "the organisation does not allow this method",
}
_NOT_ALLOWED = {
    "edit_window_closed": "Slack does not allow this message to be edited any more: the workspace "
    "limits for how long messages can be edited",
    "cant_update_message": "Slack does not allow Rapport to edit this message, which another app "
    "or an earlier installation of the app posted",
    "file_uploads_disabled": "Slack does not allow file uploads in this workspace",
    "file_uploads_except_images_disabled": "Slack does not allow PDF uploads in this workspace",
    "file_type_not_allowed": "Slack does not allow PDF uploads in this workspace",
    "blocked_file_type": "Slack does not allow PDF uploads in this workspace",
    "file_upload_size_restricted": "Slack does not allow uploads of this size in this workspace",
    "storage_limit_reached": "The workspace's storage in Slack is full",
    "cant_delete_file": "Slack does not allow Rapport to delete this file, which another app or an "
    "earlier installation of the app uploaded",
    "delete_not_allowed": "Slack does not allow this file to be deleted",
    "file_deleting_disabled": "Slack does not allow files to be deleted in this workspace",
}
"""What the workspace does not allow, whoever asks.

Source: the errors that Slack documents for chat.update, files.getUploadURLExternal,
files.completeUploadExternal and files.delete.
"""
_EDIT_NOT_ALLOWED = {
    "no_permission": "Slack does not permit Rapport's app to edit this message",
    "block_mismatch": "Slack does not allow the blocks of this message to be exchanged",
    "streaming_state_conflict": "Slack takes this message for one that is still being written and "
    "does not allow it to be edited",
    "as_user_not_supported": "Slack does not allow this message to be edited with the app's token",
}
"""What chat.update refuses for one message, while a new one may be posted.

Source: the errors that Slack documents for chat.update.
"""
_RESTRICTED = "restricted_action"
"""Begins several codes, such as `restricted_action_read_only_channel`: a setting of the workspace
or of the channel, not of the app."""
_MISSING = {
    "channel_not_found": "the channel {channel} does not exist or is private and the app is not in "
    "it: set the channel's ID (not its name) and invite the app with /invite",
    "is_archived": "the channel {channel} is archived: choose another",
    "is_inactive": "the channel {channel} is archived or frozen: choose another",
    "invalid_channel": "the channel {channel} does not exist: set the channel's ID (not its name)",
    "message_not_found": "the message does not exist or was deleted",
    "thread_not_found": "the thread does not exist or was deleted",
    "file_not_found": "the file does not exist or was deleted",
    "file_deleted": "the file was deleted",
}
_TROUBLE = frozenset(
    {
        "internal_error", "fatal_error", "service_unavailable", "request_timeout",
        "team_added_to_org", "file_update_failed", "update_failed", "external_channel_migrating",
    }
)  # fmt: skip
_TOO_FAST = frozenset({"ratelimited", "rate_limited"})


def error_from(exc: SlackApiError, method: str, channel: str | None) -> IntegrationError:
    """Return the error for a response with `ok: false`; its text names the method that refused."""
    answer = exc.response
    body = answer.data if isinstance(answer.data, dict) else {}
    error = str(body.get("error", ""))
    if answer.status_code == 429 or error in _TOO_FAST:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        wait_s = seconds(headers.get("retry-after"))
        return RateLimited(
            f"Slack's rate limit was reached ({method}); wait {wait_s:.0f} s.", wait_s
        )
    if answer.status_code >= 500 or error in _TROUBLE:
        said = error if error in _TROUBLE else f"HTTP {answer.status_code}"
        return Unavailable(f"Slack had an internal error ({method}: {said}).")
    if error in _NOT_ALLOWED:
        return Refused(f"{_NOT_ALLOWED[error]} ({method}: {error}).")
    if method == "chat.update" and error in _EDIT_NOT_ALLOWED:
        return Refused(f"{_EDIT_NOT_ALLOWED[error]} ({method}: {error}).")
    if error.startswith(_RESTRICTED):
        kind = Refused if method == "chat.update" else AuthFailed
        return kind(
            "A setting that the workspace's administrators decide on does not allow this "
            f"({method}: {error}). Ask one of them to allow it for Rapport's app."
        )
    if error == "missing_scope":
        needed = body.get("needed") or "(Slack did not name it)"
        return AuthFailed(
            f"Slack refused {method}: the app lacks the scope {needed}. "
            "Add it under OAuth & Permissions and reinstall the app."
        )
    if error == "not_in_channel":
        return AuthFailed(
            f"Slack refused {method}: the app is not in the channel {channel}. "
            "Invite it with /invite."
        )
    if error.startswith("posting_to_") and error.endswith("_denied"):
        return AuthFailed(
            f"Slack refused {method}: the app may not post in the channel {channel} ({error}). "
            "Let it post there, or choose another channel."
        )
    if error in _REFUSED:
        return AuthFailed(
            f"Slack refused {method}: {_REFUSED[error]} ({error}). Check RAPPORT_SLACK__TOKEN."
        )
    if error in _MISSING:
        reason = _MISSING[error].format(channel=channel)
        return NotFound(f"Slack refused {method} ({error}): {reason}.")
    if " " in error or not error:
        # slack_sdk puts the whole body into `error` when it is not JSON.
        return UnexpectedResponse(f"Slack's response to {method} is not JSON; is there a proxy?")
    details = (body.get("response_metadata") or {}).get("messages") or body.get("errors") or []
    said = "; ".join(str(detail) for detail in details[:5])
    return UnexpectedResponse(f"Slack refused {method}: {error}. {said}".strip())


def seconds(value: object) -> float:
    """Return the seconds of a Retry-After header, at least 1; 30 if it gives no number."""
    try:
        return max(1.0, float(str(value)))
    except ValueError:
        return _WAIT_WITHOUT_WORD_S
