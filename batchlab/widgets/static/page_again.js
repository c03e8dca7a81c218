// After a click on another site, a browser keeps the cookie back, and gets the page for strangers. What
// that page itself asks for has the cookie: if it is good, the page is loaded once more.

const answer = await fetch("page/access", { cache: "no-store" });
if (answer.ok) location.reload();
