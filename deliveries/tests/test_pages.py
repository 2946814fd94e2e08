import pytest
from deliveries.tests.factories import DeliveryFactory, person
from accounts.tests.factories import UserFactory
pytestmark = pytest.mark.django_db

def test_smoke(client, subtests=None):
    d = DeliveryFactory(ready=True)
    s = person("start", d.unit)
    client.force_login(s)
    for name in ["", "edit/", "audience/", "schedule/", "content/", "content/preview/", "content/preview/?seq=1", "content/preview/frame/?seq=1", "confirm/", "proof/", "log/", "progress/", "delete/"]:
        r = client.get(f"/deliveries/{d.pk}/{name}")
        print(name, r.status_code)
        assert r.status_code in (200, 286), (name, r.content[:500])
    for u in ["/", "/waiting/", "/deliveries/new/", f"/deliveries/audience-count/?audience={d.audience_id}"]:
        assert client.get(u).status_code == 200
    d = DeliveryFactory(awaiting_approval=True)
    client.force_login(person("approve", d.unit))
    assert client.get(f"/deliveries/{d.pk}/approval/").status_code == 200
