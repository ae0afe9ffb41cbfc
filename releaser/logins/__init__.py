"""Who we are at a registry: the logins that ``docker login`` and credential helpers keep.

Reading order: ``finding`` (the login of a registry: which helper is asked, which entry counts),
``login`` (what a login is), ``helpers`` (asking a program), ``config`` (Docker's ``config.json``,
which says where to look, and has settings for the engine's client as well).

What is made of a login is for the adapters to say: an ``Authorization`` header in
:mod:`releaser.registries`, an ``AuthConfig`` of the engine's API in :mod:`releaser.engines`.
"""
