"""A Lambda runtime that streams: drives an ASGI app in process and posts each body message as the app makes it.

The stock Python runtime answers only when the whole body is there. This one speaks the Runtime API itself
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html, as of 2026-11). A function names a `Mangum(app)`
object as its handler: the stock runtime calls it, this one takes `.app` and `.infer` from it.
"""
