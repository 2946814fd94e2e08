"""The people behind rows, as `audiences.sight` lets them be seen."""

from django import template

from audiences import sight

register = template.Library()
# {{ row|address }}: of a row that `sight.marked` has marked.
register.filter("address", sight.address)
# {{ problem|reason }}: of a line of a report that `sight.reported` has marked.
register.filter("reason", sight.reason)
