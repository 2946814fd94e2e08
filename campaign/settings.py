"""Every setting of Sinete, read from the environment, with defaults that work on a developer's machine.

`docs/production.md` lists the variables. With `DEBUG` off the defaults are the safe ones.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _
from environs import Env, validate

from campaign.lib import environment, valkey
from campaign.stack.endpoints import discover

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

# The running stack's own endpoints count only where the environment names none.
EMBEDDED = {} if env.str("DATABASE_URL", "") else discover(BASE_DIR)
TESTING = env.bool("SINETE_TESTING", False)
DEBUG = env.bool("DEBUG", bool(EMBEDDED) or TESTING or not env.str("DATABASE_URL", ""))
IS_EMBEDDED = bool(EMBEDDED) or env.bool("SINETE_EMBEDDED", False)

_INSECURE_KEY = "development-only-key-that-is-refused-when-debug-is-off-0123456789"
SECRET_KEY = env.str("SECRET_KEY", _INSECURE_KEY if DEBUG else "")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]", "testserver"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "campaign",
    "accounts",
    "audiences",
    "deliveries",
    "deliveries.preparation",
    "deliveries.approval",
    "deliveries.confirmation",
    "deliveries.sending",
    "deliveries.series",
    "deliveries.folders",
    "feedback",
    "reporting",
    "alerts",
    "home",
    "unfold.apps.BasicAppConfig",
    "campaign.desk.DeskConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "django_ace",
    "django_htmx",
    "django_rq",
    "guardian",
]

MIDDLEWARE = [
    "accounts.edge.middleware.well_formed",
    "django.middleware.security.SecurityMiddleware",
    "accounts.edge.middleware.Policies",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "campaign.public.PublicPaths",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.edge.middleware.never_kept",
    "accounts.edge.middleware.in_own_zone",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.kept_forms.edge.middleware",
    "accounts.edge.middleware.SignedIn",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.edge.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "campaign.urls"
PUBLIC_URLCONF = "feedback.public_urls"
WSGI_APPLICATION = "campaign.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.edge.context.frame",
                "accounts.kept_forms.edge.frame",
                "deliveries.views.context.frame",
                "alerts.context.frame",
                "home.context.frame",
            ],
        },
    },
]

FORM_RENDERER = "campaign.lib.selects.Renderer"

# PostgreSQL is the truth. Pooling belongs to the web process alone: a forked worker opens its own connections.
IS_WEB = env.bool("SINETE_WEB", False)
DATABASE_URL = env.str("DATABASE_URL", "") or EMBEDDED.get("DATABASE_URL", "postgres:///sinete")
# Where a pooler stands before the database, whatever isn't the web goes past it if it is told the way.
if not IS_WEB and env.str("DATABASE_URL", ""):
    DATABASE_URL = env.str("DATABASE_DIRECT_URL", "") or DATABASE_URL
DATABASES = {"default": environment.postgresql(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
# A cursor of the server's needs a session of one's own, which a pooler doesn't give: large reads page by key.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
_options = DATABASES["default"].setdefault("OPTIONS", {})
# A host that vanishes without a word is noticed within 20 seconds, two thirds of a lease; the URL may say otherwise.
for _name, _value in {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,  # milliseconds
}.items():
    _options.setdefault(_name, _value)
if IS_WEB:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    _options["pool"] = {"min_size": 1, "max_size": env.int("DATABASE_POOL", 8), "timeout": 4}
    # Pages ask short questions of many parts: where PostgreSQL would compile one, that takes longer than its answer.
    _options["options"] = (_options.get("options", "") + " -c jit=off").strip()
# The clock's offset, for tests and rehearsals of a year, is out of reach unless a session says so at connecting.
CLOCK_OFFSET_ALLOWED = DEBUG and env.bool("SINETE_CLOCK_OFFSET", TESTING)
if CLOCK_OFFSET_ALLOWED:
    _options["options"] = (_options.get("options", "") + " -c sinete.clock_offset=allowed").strip()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "") or EMBEDDED.get("REDIS_URL", "redis://127.0.0.1:6379/0")
_queue = {**valkey.queue_config(REDIS_URL), "DEFAULT_TIMEOUT": 600}
RQ_QUEUES = {name: dict(_queue) for name in ("tick", "steps", "counts", "send", "preparation", "default")}
RQ = {"WORKER_CLASS": "campaign.workers.Worker"}
RQ_SHOW_ADMIN_LINK = False

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home:home"
LOGOUT_REDIRECT_URL = "login"
CSRF_FAILURE_VIEW = "accounts.kept_forms.edge.csrf_failed"

# A session ends so long after its last use; a page that refreshes itself uses nothing. 0: never.
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", 60)
# Accounts are invited; nobody signs up. django-allauth looks after signing in and links by mail.
ACCOUNT_ADAPTER = "accounts.people.signing_in.Adapter"
ACCOUNT_FORMS = {"reset_password_from_key": "accounts.people.signing_in.ChosenPasswordForm"}
ACCOUNT_SIGNUP_ENABLED = False
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_EMAIL_VERIFICATION = "none"  # signing in asks for no verified address, proofs do
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_CONFIRMATION_AUTHENTICATED_REDIRECT_URL = ACCOUNT_EMAIL_CONFIRMATION_ANONYMOUS_REDIRECT_URL = (
    "/account/"
)
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PASSWORD_MIN_LENGTH = None  # AUTH_PASSWORD_VALIDATORS say what a password must be
ACCOUNT_RATE_LIMITS = {
    "login": "300/m/ip",
    "login_failed": env.str("SIGN_IN_LIMIT", "20/5m/ip,5/5m/key"),  # by network, by account
    "reset_password": "20/m/ip,5/h/key",
    "reset_password_from_key": "30/m/ip",
    "change_password": "5/m/user",
    "confirm_email": "1/m/key",
    "keep_draft": "60/m/key",  # what is kept while somebody writes
    "sign_up": env.str("SIGN_UP_LIMIT", "20/10m/key,200/d/key"),  # by network
    "keep_form": "30/m/key",  # what is typed while signed out
}
# The brakes are counted in PostgreSQL, so that they hold for all web processes and while Valkey is away.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_brake",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("pt-br", _("Brazilian Portuguese"))]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["campaign.formats"]
TIME_ZONE = env.str("TIME_ZONE", "UTC", validate=environment.time_zone)
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = env.path("STATIC_ROOT", BASE_DIR / "var" / "static")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG  # files are looked for when one is asked for
WHITENOISE_MANIFEST_STRICT = False  # a style sheet that was not collected costs its looks, not the page
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755  # a proxy may serve the static files, whatever the umask
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# Safe by default: what a browser may do, and only by https once DEBUG is off.
X_FRAME_OPTIONS = "DENY"
# Our pages run our own files alone: nothing inline, nothing from elsewhere, nothing evaluated.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        # The page of last resort brings its style along, since nothing else may be left to serve one.
        "style-src": [SELF, "'sha256-F9pkMvDGk3nz0oi42ZMD2EU9NKYS2IIBrUS8hBIDSWA='"],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# The desk is django-unfold's: its menus are Alpine.js, which evaluates what stands in attributes of the page, and
# its colours and some widths are inline styles. No inline script runs but one of django-rq's, named by its digest.
DESK_SECURITY_POLICY = {
    "DIRECTIVES": CONTENT_SECURITY_POLICY["DIRECTIVES"]
    | {
        "script-src": [SELF, UNSAFE_EVAL, "'sha256-1kZe1KRxelr3ptMPsod17Z6BDvbtm4WcufgsZGvsErM='"],
        "style-src": [SELF, UNSAFE_INLINE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("COOKIES_SECURE", not DEBUG)
SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", not DEBUG)
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 0 if DEBUG else 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
# A domain on the browsers' lists takes months to come off: only its owner decides that.
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", False)
# A WSGI server hands X_Forwarded_Proto over as X-Forwarded-Proto: a name without a dash can't be imitated so.
PROXY_PROTO_HEADER = env.str("PROXY_PROTO_HEADER", "X-Forwarded-Proto")
ALLAUTH_TRUSTED_PROXY_COUNT = 0
if env.bool("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = (f"HTTP_{PROXY_PROTO_HEADER.upper().replace('-', '_')}", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = env.int("PROXIES", 1)

# What leaves in a message: the public address of pixel, links, mirror pages and pictures, and the keys that sign.
PUBLIC_URL = (
    env.str("PUBLIC_URL", "") or EMBEDDED.get("PUBLIC_URL", "") or f"http://127.0.0.1:{env.int('PORT', 8000)}"
).rstrip("/")
# TOKEN_KEYS is "1=hex,2=hex"; the highest number signs, all of them verify for the life of the links.
TOKEN_KEYS: dict[int, str] | None = dict(env.list("TOKEN_KEYS", [], subcast=environment.token_key)) or None
# By this key the addresses of people who were erased are known again, in hex; empty: made from SECRET_KEY.
ERASURE_KEY = env.str(
    "SINETE_ERASURE_KEY",
    "",
    validate=validate.Regexp(
        r"((?:[0-9A-Fa-f]{2}){16,64})?\Z", error="SINETE_ERASURE_KEY has 32 to 128 hex digits."
    ),
)
# Where opens and clicks wait, and what served deliveries link to, while the database is away.
FEEDBACK_FOLDER = env.path("SINETE_FEEDBACK_FOLDER", BASE_DIR / "var" / "feedback")

# Which installation this is, and where the workers keep its mark: by these a copy of the database is found out.
INSTANCE = env.str("SINETE_INSTANCE", "")
ANCHOR_FOLDER = env.path(
    "SINETE_ANCHOR_FOLDER", Path(env.str("SINETE_VAR", "") or BASE_DIR / "var").resolve() / "anchor"
)
ACCEPT_NEW_TIMELINE = env.bool("SINETE_ACCEPT_NEW_TIMELINE", False)

# The relay of the first route; routes are rows, this one is made where there is none.
RELAY_URL = env.str("RELAY_URL", EMBEDDED.get("RELAY_URL", "smtp://127.0.0.1:1025"))

# Notices to colleagues leave by the same relay, unless another one is named.
_notices = urlsplit(env.str("NOTICES_URL", "") or RELAY_URL)
EMAIL_HOST, EMAIL_PORT = (
    _notices.hostname or "127.0.0.1",
    _notices.port or {"smtps": 465, "smtp+starttls": 587}.get(_notices.scheme, 25),
)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_notices.username or ""), unquote(_notices.password or "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _notices.scheme == "smtps", _notices.scheme == "smtp+starttls"
EMAIL_TIMEOUT = 20
_OURS = f"Sinete <sinete@{urlsplit(PUBLIC_URL).hostname or 'localhost'}>"
NOTICES_FROM = env.str("NOTICES_FROM", "") or _OURS

# An operator's own rules for what comes back by mail (feedback/reports/rules.py).
BOUNCE_RULES = env.str("SINETE_BOUNCE_RULES", "")
# An operator's own rules for who opened and clicked, and the networks that tell it (feedback/readers/rules).
READER_RULES = env.str("SINETE_READER_RULES", "")
READER_NETWORKS = env.str("SINETE_READER_NETWORKS", "")
# The last part of a Feedback-ID, as Google asks for it; empty: made of each sender's domain.
FEEDBACK_SENDER = validate.Regexp(
    r"([A-Za-z0-9_-]{5,15})?\Z", error="SINETE_FEEDBACK_SENDER has 5 to 15 letters, digits, - or _."
)
# Below these folders mail that comes back may be read (maildir, mbox); none: from no folder.
MAIL_FOLDERS: list[str] = env.list("SINETE_MAIL_FOLDERS", [])

# Who asks for metrics brings this along as a bearer token; empty: nobody is answered.
METRICS_TOKEN = env.str("SINETE_METRICS_TOKEN", "")

SINETE: dict[str, Any] = {
    "chunk_rows": env.int("SINETE_CHUNK_ROWS", 1000),
    # So many deliveries have their messages and exclusions in one partition.
    "partition_deliveries": env.int(
        "SINETE_PARTITION_DELIVERIES", 500, validate=validate.Range(1, 1_000_000_000)
    ),
    "lane_seconds": env.int("SINETE_LANE_SECONDS", 30),
    "lanes": env.int("SINETE_LANES", 2),
    "lease_seconds": env.int("SINETE_LEASE_SECONDS", 30),
    "smtp_reply_seconds": env.int("SINETE_SMTP_REPLY_SECONDS", 600),
    "smtp_silence_seconds": env.int("SINETE_SMTP_SILENCE_SECONDS", 20),
    "grace_seconds": env.int("SINETE_GRACE_SECONDS", 0),
    # How long it may take people to approve and confirm: a local hour that comes sooner is warned of.
    "confirm_minutes": env.int("SINETE_CONFIRM_MINUTES", 60),
    "confirm_by_typing_above": env.int("SINETE_CONFIRM_BY_TYPING_ABOVE", 10_000),
    "validity_hours": env.int("SINETE_VALIDITY_HOURS", 84),
    # So long links lead where their author said, from the last moment at which messages leave; 0: as long as they can.
    "link_days": env.int("SINETE_LINK_DAYS", 0, validate=validate.Range(0, 36_500)),
    "retry_seconds": env.list("SINETE_RETRY_SECONDS", [60, 300, 900, 1800, 3600], subcast=int),
    # When soft errors hold an address: so many, each counted at most once in so many hours; and forgotten after days.
    "quarantine_errors": env.int("SINETE_QUARANTINE_ERRORS", 5),
    "quarantine_spacing_hours": env.int("SINETE_QUARANTINE_SPACING_HOURS", 24),
    "quarantine_decay_days": env.int("SINETE_QUARANTINE_DECAY_DAYS", 10),
    "quarantine_decay_days_of_full": env.int("SINETE_QUARANTINE_DECAY_DAYS_OF_FULL", 30),
    # After so many months without another error a person may let an address in quarantine be tried again.
    "quarantine_review_months": env.int("SINETE_QUARANTINE_REVIEW_MONTHS", 6),
    "incoming_octets": env.int("SINETE_INCOMING_OCTETS", 5_000_000),
    "proof_recipients": 100,
    # Mail that comes back to the return path is read: only then does an address there unsubscribe.
    "bounces_collected": env.bool("SINETE_BOUNCES_COLLECTED", False),
    # Of the attachments of one delivery, before they are encoded; 0: none may be.
    "attachments_most": env.int("SINETE_ATTACHMENTS_MOST", 10),
    "attachments_megabytes": env.int("SINETE_ATTACHMENTS_MEGABYTES", 5),
    "feedback_sender": env.str("SINETE_FEEDBACK_SENDER", "", validate=FEEDBACK_SENDER),
    "attributes_most": env.int("SINETE_ATTRIBUTES_MOST", 200),
    # Copies of proofs in 24 hours.
    "proofs_a_day_of_person": env.int("SINETE_PROOFS_A_DAY_OF_PERSON", 100),
    "proofs_a_day_of_unit": env.int("SINETE_PROOFS_A_DAY_OF_UNIT", 300),
    # Who is asked what DNS says of senders' domains, as address or address#port; none: whom the system asks.
    "dns_servers": env.list("SINETE_DNS_SERVERS", []),
    "dns_seconds": env.float("SINETE_DNS_SECONDS", 5.0),
    # Alerts that are over are kept for so many days.
    "alert_days": env.int("SINETE_ALERT_DAYS", 90, validate=validate.Range(1, 3_650)),
    # Networks that are not public, and where webhooks may lead nevertheless, by http too.
    "webhook_networks": env.list("SINETE_WEBHOOK_NETWORKS", [], subcast=environment.network),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "campaign.lib.discreet.Formatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "WARNING" if TESTING else "INFO")},
}
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # HSTS_PRELOAD is off unless asked for
# The accent of the pages, light to dark, for the operators' desk.
_DESK_COLOURS = {
    "50": "oklch(96.2% .018 272.3)",
    "100": "oklch(93% .034 272.8)",
    "200": "oklch(87% .065 274)",
    "300": "oklch(78.5% .115 274.7)",
    "400": "oklch(67.3% .182 276.9)",
    "500": "oklch(58.5% .233 277.1)",
    "600": "oklch(49.1% .22 279)",
    "700": "oklch(45.7% .21 278)",
    "800": "oklch(39.8% .195 277.4)",
    "900": "oklch(35.9% .144 278.7)",
    "950": "oklch(25.7% .09 281.3)",
}
UNFOLD = {
    "SITE_TITLE": "Sinete",
    "SITE_HEADER": "Sinete",
    "SITE_SYMBOL": "mark_email_read",
    "SIDEBAR": {"show_search": True, "navigation": "campaign.admin.navigation"},
    "STYLES": ["campaign.admin.desk_css"],
    "SCRIPTS": ["campaign.admin.zone_script", "campaign.admin.desk_script"],
    "COLORS": {"primary": _DESK_COLOURS},
}
