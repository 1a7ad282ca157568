"""Thirty texts that would run, load or calculate something wherever a user's text became markup, a style or a formula."""

from __future__ import annotations

MARK = "document.documentElement.setAttribute('data-ran','1')"
AWAY = "http://127.0.0.1:9/away"

PAYLOADS = (
    f"<script>{MARK}</script>",
    f"</script><script>{MARK}</script>",
    f"<ScRiPt >{MARK}</sCrIpT>",
    f"<img src=x onerror={MARK}>",
    f'"\'><img src=x onerror="{MARK}">',
    f"<svg onload={MARK}>",
    f"<svg><script>{MARK}</script></svg>",
    f"</svg><script>{MARK}</script>",
    f"<svg><animate onbegin={MARK} attributeName=x dur=1s>",
    f"</title><script>{MARK}</script>",
    f"</style><script>{MARK}</script>",
    f"</pre><script>{MARK}</script>",
    f"--><script>{MARK}</script>",
    f"]]><script>{MARK}</script>",
    f"<![CDATA[<script>{MARK}</script>]]>",
    f'<iframe src="javascript:{MARK}"></iframe>',
    f'<iframe srcdoc="<script>parent.{MARK}</script>"></iframe>',
    f'<a href="javascript:{MARK}">press</a>',
    f"<form action={AWAY}><input autofocus onfocus={MARK}></form>",
    f"<details open ontoggle={MARK}>",
    f'" onmouseover="{MARK}" style="position:fixed;inset:0" x="',
    f"' autofocus tabindex=1 onfocus='{MARK}",
    f"<link rel=stylesheet href={AWAY}>",
    f"<style>@import '{AWAY}';</style>",
    f'<meta http-equiv=refresh content="0;url={AWAY}">',
    f"<base href={AWAY}><object data={AWAY}></object>",
    "{{ 7 * 191 }}{% include 'report.css' %}${7*191}",
    f"&lt;script&gt;{MARK}&lt;/script&gt;&#60;img src=x&#62;",
    '=HYPERLINK("http://127.0.0.1:9/away","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
)
