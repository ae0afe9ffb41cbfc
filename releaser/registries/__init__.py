"""The registries that images are read from and published to.

Reading order: :mod:`~releaser.registries.distribution` (what the rest of the program sees), then
``reading``, ``writing``, ``copying``, ``records``, ``labels``, ``checking``, ``referrers`` and
``deleting`` (one module for each kind of question), ``blobs`` (what some of them move), ``client``
(one request with its login and its retries), ``authority`` (tokens), ``transport`` (HTTP with
limits), ``hosts`` (where a registry is, and which other hosts it may send a client to). Logins come
from :mod:`releaser.logins`.
"""
