"""The shop's HTML, with its third-party tags pasted as their vendors publish them."""

from __future__ import annotations

import html
from collections.abc import Mapping

PRODUCTS = {1: ("Brown Betty", 24), 2: ("Cast-iron kettle", 49), 3: ("Glass teapot", 31)}
RATES = {"EUR": 1.0, "USD": 1.1, "GBP": 0.85}

_STYLE = """
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: #222; background: #fdfbf7 }
header, main { max-width: 46rem; margin: 0 auto; padding: 0.5rem 1rem }
nav a { margin-inline-end: 1rem } table { border-collapse: collapse; width: 100% }
th, td { border: 1px solid #999; padding: 0.4rem; text-align: start; vertical-align: top }
td { overflow-wrap: anywhere }
.card { border: 1px solid #999; padding: 0.5rem 1rem; margin: 1rem 0 }
iframe { max-width: 100% }
"""


def tags(hosts: Mapping[str, str]) -> str:
    """Google Analytics, Meta Pixel and Google Fonts as published; hosts are the stand-ins'."""
    analytics, meta, fonts = (
        hosts["Google Analytics"],
        hosts["Meta Pixel"],
        hosts["Google Fonts"],
    )
    return f"""<link rel="preconnect" href="http://{fonts}">
<link href="http://{fonts}/css2.css?family=Lora&display=swap" rel="stylesheet">
<!-- Google tag (gtag.js) -->
<script async src="http://{analytics}/gtag/js.js?id=G-TEAPOT"></script>
<script>
  window.dataLayer = window.dataLayer || [];
  function gtag(){{dataLayer.push(arguments);}}
  gtag('js', new Date());
  gtag('config', 'G-TEAPOT');
</script>
<!-- Meta Pixel Code -->
<script>
!function(f,b,e,v,n,t,s){{if(f.fbq)return;n=f.fbq=function(){{n.callMethod?
n.callMethod.apply(n,arguments):n.queue.push(arguments)}};if(!f._fbq)f._fbq=n;
n.push=n;n.loaded=!0;n.version='2.0';n.queue=[];t=b.createElement(e);t.async=!0;
t.src=v;s=b.getElementsByTagName(e)[0];s.parentNode.insertBefore(t,s)}}(window,
document,'script','http://{meta}/en_US/fbevents.js');
fbq('init', '1234567890');
fbq('track', 'PageView');
</script>
<noscript><img height="1" width="1" style="display:none" alt=""
src="http://{meta}/tr?id=1234567890&ev=PageView&noscript=1"></noscript>
<!-- End Meta Pixel Code -->"""


def page(title: str, body: str, hosts: Mapping[str, str]) -> str:
    """One page of the shop."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)} – Teapot Shop</title>
{tags(hosts)}
<style>{_STYLE}</style>
</head>
<body>
<header><nav><a href="/">Teapots</a><a href="/cart">Basket</a><a href="/about">About</a>
<a href="/side-by-side">Side by side</a></nav></header>
<main>
<h1>{html.escape(title)}</h1>
{body}
</main>
</body>
</html>
"""


def price(amount: int, currency: str) -> str:
    """A price in the visitor's currency."""
    known = currency if currency in RATES else "EUR"
    return f"{amount * RATES[known]:.2f} {known}"


def home(currency: str, hosts: Mapping[str, str]) -> str:
    """The list of teapots, a currency picker, a film and a tracking pixel."""
    items = "".join(
        f'<li><a href="/product/{number}">{name}</a>, {price(cost, currency)}</li>'
        for number, (name, cost) in PRODUCTS.items()
    )
    pixel = f"http://{hosts['Google Analytics']}/collect?v=2&tid=G-TEAPOT"
    return page(
        "Teapots",
        f"""<ul>{items}</ul>
<form method="post" action="/currency"><label>Currency
<select name="currency"><option>EUR<option>USD<option>GBP</select></label>
<button>Set</button></form>
<h2>How we make them</h2>
<iframe width="560" height="315" src="http://{hosts["YouTube"]}/embed/teapot"
 title="How we make them" frameborder="0" allowfullscreen></iframe>
<img src="{pixel}" alt="" width="1" height="1">""",
        hosts,
    )


def product(number: int, currency: str, hosts: Mapping[str, str]) -> str:
    """One teapot."""
    name, cost = PRODUCTS[number]
    return page(
        name,
        f"""<p class="card">{price(cost, currency)}</p>
<form method="post" action="/cart/{number}"><button>Put in the basket</button></form>""",
        hosts,
    )


def cart(numbers: list[int], currency: str, hosts: Mapping[str, str]) -> str:
    """What the session cookie remembers."""
    items = "".join(
        f"<li>{PRODUCTS[number][0]}, {price(PRODUCTS[number][1], currency)}</li>"
        for number in numbers
    )
    return page("Basket", f"<ul>{items}</ul>" if items else "<p>Nothing yet.</p>", hosts)
