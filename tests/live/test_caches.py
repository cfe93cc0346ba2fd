"""A real nginx with ``proxy_cache`` before the gate: nobody gets another visitor's answer."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from tests.live import Answer, Live, free_port, serving
from tests.live.test_proxies import proxied
from tests.programs import needed

CONFIG = """
daemon off; pid {folder}/pid; user {user};
events {{}}
http {{
  access_log off;
  proxy_cache_path {folder}/kept keys_zone=kept:1m;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{app};
      proxy_set_header Host $http_host;
      proxy_cache kept;
      proxy_cache_key $request_uri;
      add_header x-kept $upstream_cache_status always;
    }}
  }}
}}
"""


def cache(folder: Path, port: int, app: int) -> list[str]:
    path = folder / "nginx.conf"
    path.write_text(
        CONFIG.format(folder=folder, port=port, app=app, user=getpass.getuser()), encoding="utf-8"
    )
    return [needed("nginx"), "-p", str(folder), "-c", str(path), "-e", str(folder / "error.log")]


def header(answer: Answer, name: str) -> str:
    return ", ".join(value for key, value in answer.headers if key.lower() == name)


def granted(live: Live) -> str:
    """The cookie of a visitor who accepted everything."""
    text = live.ask("/basket").body.decode()
    notice = text.partition('name="notice" value="')[2].partition('"')[0]
    return "choices=" + live.choose("accept", notice=notice).cookie("choices")


@pytest.mark.slow
@pytest.mark.requirement("SIG-15", "SEC-08")
@pytest.mark.parametrize("mode", ["per-visitor", "shared"])
def test_a_real_cache_hands_nobody_anothers_answer(mode: str, tmp_path: Path) -> None:
    """Each way round: whoever asks first, the next one gets what is theirs."""
    app = free_port()
    command = ["uvicorn", "--factory", "tests.live.cached:make", "--port", str(app)]
    with (
        serving(command, tmp_path / "output", {"SITE_CACHE": mode}, port=app),
        proxied(cache, tmp_path, app) as live,
    ):
        cookie = granted(live)
        for first, second in ((cookie, ""), ("", cookie)):
            answers = [
                (sent, live.ask(f"{path}?{len(first)}", **({"cookie": sent} if sent else {})))
                for path in ("/", "/basket", "/a.css")
                for sent in (first, second, first)
            ]
            for sent, answer in answers:
                may_load = bool(sent) and mode == "per-visitor"
                assert (b" src=https://ads.example" in answer.body) == (
                    may_load and b"<h1>Tea" in answer.body
                )
                if "link" in dict(answer.headers):
                    assert may_load
                if header(answer, "x-kept") == "HIT":
                    assert header(answer, "set-cookie") == ""
                if not sent:
                    assert "_fbp" not in header(answer, "set-cookie")
            kept = [header(answer, "x-kept") for _, answer in answers]
            assert kept[1:3] == (["HIT", "HIT"] if mode == "shared" else ["MISS", "MISS"])
            assert kept[3:6] == ["MISS", "MISS", "MISS"]
