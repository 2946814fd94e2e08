"""The people behind rows, as `audiences.sight` lets them be seen."""

from django import template

from audiences import consent_words, sight

register = template.Library()
# {{ row|address }}: of a row that `sight.marked` has marked.
register.filter("address", sight.address)
# {{ problem|reason }}: of a line of a report that `sight.reported` has marked.
register.filter("reason", sight.reason)
# {{ event.source|consent_source }}, {{ event.reference|carrier }}: of a row of the consent log.
register.filter("consent_source", consent_words.source)
register.filter("carrier", consent_words.carrier)
