"""Stories and a page that several tests read."""

BUDGET = "The council voted nine to six for the budget on Tuesday evening, after four hours of debate."
FERRY = "The ferry hit the breakwater at dawn in thick fog, and nobody aboard was hurt, the harbour master said."
PIE = "Rub the butter into the flour, add the plums and bake the crumble for forty minutes until it is golden."
RECORDS = [
    {"id": "budget", "title": "Budget passed", "text": BUDGET, "date": "2026-10-01", "desk": "city"},
    {"id": "budget-copy", "title": "Budget passed", "text": BUDGET},
    {"id": "ferry", "title": "Ferry hits breakwater", "text": FERRY, "url": "https://news.example.org/ferry"},
    {"id": "pie", "title": "Plum crumble", "text": PIE},
]

HARBOUR = """<html><head><title>Harbour closed</title></head><body><nav><a href="/">Home</a></nav><article>
<h1>Harbour closed</h1>
<p>The harbour was closed on Tuesday after a ferry had hit the breakwater in thick fog, its master said.</p>
<p>Nobody was hurt, and the ferry went back to sea at noon, an hour after divers had looked at its hull.</p>
</article></body></html>"""
