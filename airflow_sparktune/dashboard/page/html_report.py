"""The report: the page of a study as one self-contained HTML file."""

from __future__ import annotations

import hashlib
import json
import re
import time
from base64 import b64encode
from collections.abc import Sequence

from airflow_sparktune.dashboard.page.assets import STATIC, page
from airflow_sparktune.dashboard.page.columns import sample
from airflow_sparktune.dashboard.page.importance import importance
from airflow_sparktune.dashboard.page.masking import Mask, airflow_mask, study_mask
from airflow_sparktune.dashboard.page.view import importance_reply, study_reply, trial_reply
from airflow_sparktune.study.study import Study

# A trial's details may include a traceback of some kilobytes.
_MOST_DETAILS = 2_000
# The forms that static/*.js use: one import per line, names in braces, exports of declarations only.
_IMPORT = re.compile(r'^import \{ (?P<names>[\w, ]+) \} from "\./(?P<module>[\w-]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (?P<name>\w+))", re.MULTILINE)


def report(study: Study, *, title: str, problems: Sequence[str] = (), mask: Mask | None = None) -> str:
    """Return the study's page with its data, plots and tracebacks; it sends no requests.

    A large study is reduced to the sample of trials that the page draws, and to the details of fewer of them:
    the new bests, the newest, and some of the failed and the others.
    """
    mask = study_mask(mask or airflow_mask(), study)
    reply = study_reply(study, stream="report", problems=problems, now=time.time(), mask=mask, title=title)
    shares = importance_reply(importance(study.dimensions, tuple(study.searched)), reply.dimensions)
    sent = [study.trials[number] for number in reply.columns.number]
    detailed = sample(sent, _MOST_DETAILS, best=reply.summary["best_number"] if reply.summary else None)
    data = {
        "study": reply.model_dump(mode="json"),
        "trials": {
            trial.number: trial_reply(trial, reply.dimensions, mask=mask).model_dump(mode="json")
            for trial in detailed
        },
        "importance": shares.model_dump(mode="json"),
    }
    script = _closed(bundle("study.js"))
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">'
    style = f"<style>{(STATIC / 'style.css').read_text(encoding='utf-8')}</style>"
    content = f'<script type="application/json" id="report">{_data(data)}</script>'
    end = f"{content}\n<script>{script}</script>"
    return page("study.html", head=f"{policy}\n{style}", end=end)


def _data(value: object) -> str:
    # Without `<`, a user's text cannot end the script element.
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def _closed(script: str) -> str:
    return script.replace("</script", "<\\/script")


def _policy(script: str) -> str:
    """Return a content security policy that allows only this script, and no network."""
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:"


def bundle(entry: str) -> str:
    """Return the module and its imports as one script: a function for each, dependencies first."""
    modules: dict[str, str] = {}
    _collect(entry, modules)
    return "\n".join(["const modules = {};", *modules.values()])


def _collect(name: str, modules: dict[str, str]) -> None:
    if name in modules:
        return
    text = (STATIC / name).read_text(encoding="utf-8")
    for match in _IMPORT.finditer(text):
        _collect(match["module"], modules)
    names = [match["name"] for match in _EXPORT.finditer(text)]
    body = _EXPORT.sub("", _IMPORT.sub(r'const { \g<names> } = modules["\g<module>"];', text))
    modules[name] = f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {", ".join(names)} }};\n}})();'
