"""Pages for the HTML benchmark: made from a seed, with the structure that real shops have."""

from __future__ import annotations

import random

WORDS = (
    "teapot kettle glass iron brown water leaf morning warm pour shop order delivery price offer "
    "ceramic handle lid spout steam cup saucer strainer infuser porcelain colour size reviews stars"
).split()
CODE = (
    "(function(w,d){{var q=w.shop=w.shop||[];function f{n}(a,b){{return a<b&&b>0?q.push([a,b]):null}}"
    'd.addEventListener("click",function(e){{var t=e.target;if(t&&t.dataset.id)f{n}(t.dataset.id,{n})}});'
    "for(var i=0;i<{n};i++){{q['k'+i]={{id:i,name:'item '+i,url:'/p/'+i}}}}}})(window,document);"
)
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Teapots &amp; kettles</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="canonical" href="https://shop.example/teapots"><link rel="stylesheet" href="/static/site.css?v=3">
<meta property="og:image" content="https://shop.example/og.png">{head}
<style>body{{margin:0;font:1rem/1.5 system-ui}}.card{{border:1px solid #ccc;padding:.5rem}}
@media (min-width:40rem){{.grid{{display:grid;grid-template-columns:repeat(3,1fr)}}}}</style></head><body class="list page">
<header><nav aria-label="Main"><ul><li><a href="/">Home</a></li><li><a href="/teapots">Teapots</a></li></ul></nav></header>
<main class="grid">
"""
FOOT = '</main><footer><p>&copy; Teapot Shop · <a href="https://nobody.example/press">Press</a></p></footer></body></html>\n'
DENIED_HEAD = (
    '<link rel="preconnect" href="https://{host}"><script async src="https://{host}/tag.js?id=1"></script>'
    "<script>window.q=window.q||[];function tagq(){{q.push(arguments)}}tagq('init',1);</script>"
)
DENIED = (
    '<noscript><img height="1" width="1" src="https://{host}/p?id=1&amp;ev=View"></noscript>',
    '<iframe width="560" height="315" src="https://{host}/embed/x" title="A film" allowfullscreen></iframe>',
    '<img src="https://{host}/i.gif" alt="" width="1" height="1">',
)


def make(size: int, hosts: list[str], seed: int = 1) -> bytes:
    """A page of about ``size`` bytes.

    Args:
        size: in bytes.
        hosts: third parties named in it: in the head, and once every 20 KB; empty for none.
        seed: the same one makes the same page.
    """
    chance = random.Random(seed)
    head = DENIED_HEAD.format(host=hosts[0]) if hosts else ""
    parts = [HEAD.format(head=head)]
    length, number, due = len(parts[0]), 0, 2_000
    while length < size - len(FOOT):
        number += 1
        part = _card(number, chance)
        if hosts and length > due:
            due += 20_000
            part += chance.choice(DENIED).format(host=chance.choice(hosts))
        parts.append(part)
        length += len(part)
    return "".join([*parts, FOOT]).encode()


def _card(number: int, chance: random.Random) -> str:
    words = " ".join(chance.choices(WORDS, k=chance.randint(8, 40)))
    card = (
        f'<article class="card" id="p{number}" data-id="{number}"><a href="/product/{number}?ref=list&amp;pos={number}">'
        f'<img src="/media/{number}.jpg" srcset="/media/{number}.jpg 1x, /media/{number}@2x.jpg 2x" alt="{words[:20]}" '
        f'width="300" height="200" loading="lazy"></a><h2>{words[:24]}</h2><p>{words}</p>'
        f'<form method="post" action="/cart/{number}"><button type="submit" class="btn btn-primary">Add</button></form></article>\n'
    )
    what = chance.random()
    if what < 0.12:
        code = CODE.format(n=number) * chance.randint(1, 4)
        return card + f"<script>{code}</script>\n"
    if what < 0.2:
        return (
            card
            + f'<script type="application/ld+json">{{"@type":"Product","name":"{words[:30]}"}}</script>\n'
        )
    if what < 0.3:
        path = " ".join(f"{chance.randint(0, 24)} {chance.randint(0, 24)}" for _ in range(12))
        return (
            card
            + f'<svg width="24" height="24" viewBox="0 0 24 24"><path d="M{path}"/><g><circle cx="3" cy="4" r="2"/></g></svg>\n'
        )
    return card + ("<!-- next -->\n" if what < 0.4 else "")
