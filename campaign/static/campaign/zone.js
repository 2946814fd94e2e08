// The server shows moments in the zone of whoever reads: the browser says which that is.
(() => {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || document.cookie.split("; ").includes(`sinete_zone=${zone}`)) return;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `sinete_zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
})();
