import io
import pytest
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports
from audiences.models import *
from audiences.tests.factories import *
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
def test_shots(new_page, transactional_db, work):
    by = UserFactory(roles={"prepare": root(), "import": root(), "export": root()})
    f=open("audiences/demo/customers.csv","rb")
    i=imports.start(file=f,name="customers.csv",unit=root(),by=by,options=imports.Options(declare_attributes=True,list_label="Autumn guests")); work()
    j=imports.start(file=io.BytesIO(b"external_id,email\nC1,a@example.com\nC2,\"b\nC3\n"),name="broken.csv",unit=root(),by=by,options=imports.Options()); work()
    a=AudienceFactory(label="VIPs of Brazil", rule={"all":[{"any":[{"field":"segment","is":"equal","value":"vip"},{"field":"points","is":"above","value":50000}]},{"not":{"field":"country","is":"one_of","value":["US","DE"]}}]})
    TestProfileFactory()
    p=Profile.objects.filter(first_name__startswith="<").first()
    from campaign.lib import clock
    from audiences import consents
    consents.opt_out(profile_id=p.pk,channel="email",at=clock.now(),source="page",by=by)
    for w,h,n in [(1280,900,"d"),(390,844,"m")]:
        win=new_page(user=by, viewport={"width":w,"height":h})
        for name,url in [("profiles","/profiles/"),("profile",f"/profiles/{p.pk}/"),("pform",f"/profiles/{p.pk}/edit/"),("audiences","/audiences/"),("audience",f"/audiences/{a.pk}/"),("aform",f"/audiences/{a.pk}/edit/"),("list",f"/audiences/{Audience.objects.get(label='Autumn guests').pk}/"),("imports","/imports/"),("import",f"/imports/{i.pk}/"),("broken",f"/imports/{j.pk}/"),("tp","/test-profiles/")]:
            win.goto(url); win.wait_for_timeout(250)
            sw=win.evaluate("document.documentElement.scrollWidth")
            if sw>w: print("WIDE",name,n,sw)
            win.screenshot(path=f"/tmp/w/bench-aud/{name}-{n}.png", full_page=name not in ("profiles","audience","list","import"))
