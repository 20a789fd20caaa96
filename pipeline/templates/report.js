"use strict";
// Draws the report's charts from the data in the file, and makes its filters work. Text from pages goes into the
// document as text only (textContent), never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const number = (n) => n.toLocaleString("en");
  const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const redraws = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const time = (day) => Date.parse(`${day}T00:00Z`);
  const FORMATS = { day: "%-d %b", month: "%b %Y", year: "%Y" };
  const STEPS = { day: 864e5, month: 30 * 864e5, year: 365 * 864e5 };

  function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  // The one tooltip of all charts.
  const tip = byId("tip");
  function showTip(lines, event) {
    tip.replaceChildren(...lines.filter(Boolean).map((line, i) => element(i ? "div" : "strong", line)));
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
    tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
  }
  const hideTip = () => { tip.hidden = true; };
  addEventListener("scroll", hideTip, { passive: true });
  addEventListener("keydown", (event) => event.key === "Escape" && hideTip());

  function config() {
    const font = getComputedStyle(document.body).fontFamily;
    const axis = { labelColor: colour("soft"), titleColor: colour("soft"), labelFont: font, titleFont: font, labelFontSize: 12,
      titleFontSize: 12, titleFontWeight: "normal", domainColor: colour("rule"), tickColor: colour("rule"), gridColor: colour("rule"),
      gridOpacity: 0.6, labelOverlap: true };
    return { background: null, aria: false, axis, legend: { labelColor: colour("soft"), labelFont: font, labelFontSize: 12,
      title: null, symbolType: "square", orient: "top" }, text: { font, fill: colour("ink") } };
  }

  // Draws a chart as wide as its place, and again when that or the colour scheme changes. `spec` makes its definition.
  function draw(id, spec, { renderer = "svg", ready = () => {} } = {}) {
    const place = byId(id);
    if (!place) return;
    let shown = null;
    let width = 0;
    const redraw = async () => {
      width = place.clientWidth;
      if (!width) return;
      const turn = (shown = { before: shown });
      const options = { mode: "vega", actions: false, defaultStyle: false, renderer, config: config(),
        tooltip: (_, event, item, value) => (value ? showTip([].concat(value), event) : hideTip()) };
      const { view, finalize } = await vegaEmbed(place, spec(width), options);
      turn.before?.finalize?.();
      turn.before = null;
      turn.finalize = finalize;
      place.setAttribute("role", "img"); // for a screen reader its label is enough: tables have the numbers
      place.querySelector("svg, canvas")?.setAttribute("aria-hidden", "true");
      if (turn === shown) ready(view);
    };
    redraws.push(redraw);
    new ResizeObserver(() => place.clientWidth !== width && redraw()).observe(place);
  }
  dark.addEventListener("change", () => redraws.forEach((redraw) => redraw()));

  const shape = document.body.dataset.shape;
  const days = data.days.map((row) => ({ ...row, at: time(row.day) }));
  const span = () => {
    const all = days.map((row) => row.at);
    return [Math.min(...all) - STEPS[shape] / 2, Math.max(...all) + STEPS[shape] / 2];
  };
  const timeAxis = { orient: "bottom", scale: "x", format: FORMATS[shape], formatType: "utc", tickMinStep: { signal: String(STEPS[shape]) },
    labelFlush: true, tickCount: { signal: "max(2, floor(width / 90))" } };
  const bandWidth = `max(2, 0.8 * ${STEPS[shape]} * width / (domain('x')[1] - domain('x')[0]))`;

  if (days.length) {
    draw("chart-days", (width) => ({
      width, height: 170, autosize: { type: "fit", contains: "padding" },
      data: [{ name: "days", values: days }],
      scales: [
        { name: "x", type: "utc", domain: span(), range: "width" },
        { name: "y", domain: { data: "days", field: "n" }, range: "height", zero: true, nice: true },
      ],
      axes: [timeAxis, { orient: "left", scale: "y", grid: true, tickCount: 4, format: ",d", tickMinStep: 1, domain: false, ticks: false }],
      marks: [{ type: "rect", from: { data: "days" }, encode: {
        update: {
          xc: { scale: "x", field: "at" }, width: { signal: bandWidth }, y: { scale: "y", field: "n" }, y2: { scale: "y", value: 0 },
          fill: { value: colour("story") }, tooltip: { signal: `[utcFormat(datum.at, '${FORMATS[shape]}'), format(datum.n, ',') + ' stories']` },
        },
        hover: { fill: { value: colour("teaser") } },
      } }],
    }));
  }

  // Sizes of the largest clusters over time; a row for each cluster.
  let level = document.querySelector("input[name=level]:checked")?.value;
  const drawnClusters = () => (data.clusters[level] || []).map((row) => ({ ...row, at: time(row.day) }));
  if (days.length && level) {
    draw("chart-clusters", (width) => {
      const values = drawnClusters();
      const labels = [...new Map(values.map((row) => [row.row, row.label]))].sort((a, b) => a[0] - b[0]);
      byId("clusters-none").hidden = values.length > 0;
      return {
        width, height: 34 * Math.max(1, labels.length) + 40, autosize: { type: "fit", contains: "padding" },
        data: [{ name: "clusters", values }],
        scales: [
          { name: "x", type: "utc", domain: span(), range: "width" },
          { name: "y", type: "band", domain: labels.map(([row]) => row), range: "height" },
          { name: "label", type: "ordinal", domain: labels.map(([row]) => row), range: labels.map(([, label]) => label) },
          { name: "size", type: "linear", domain: [0, Math.max(1, ...values.map((row) => row.n))], range: [0, 560], zero: true },
        ],
        axes: [timeAxis, { orient: "left", scale: "y", domain: false, ticks: false, grid: true, labelOverlap: false, labelPadding: 8,
          labelLimit: width < 600 ? 130 : 330, encode: { labels: { update: { text: { signal: "scale('label', datum.value)" } } } } }],
        marks: [{ type: "symbol", from: { data: "clusters" }, encode: {
          update: {
            x: { scale: "x", field: "at" }, y: { scale: "y", field: "row", band: 0.5 },
            size: { signal: "max(14, scale('size', datum.n))" }, fill: { value: colour("story") }, fillOpacity: { value: 0.75 },
            tooltip: { signal: `[datum.label, utcFormat(datum.at, '${FORMATS[shape]}') + ': ' + format(datum.n, ',') + (datum.n == 1 ? ' story' : ' stories')]` },
          },
          hover: { fillOpacity: { value: 1 } },
        } }],
      };
    });
    const redrawClusters = redraws[redraws.length - 1];
    document.querySelectorAll("input[name=level]").forEach((radio) => radio.addEventListener("change", () => {
      level = radio.value;
      redrawClusters();
    }));
  }

  // Confidence of lines below the last bin, stacked by what the lines belong to.
  const groups = ["story", "teaser", "dropped"].filter((group) => data.confidence[group]);
  const names = { story: "stories", teaser: "teasers", dropped: "dropped" };
  if (groups.length) {
    const bins = groups.flatMap((group) => data.confidence[group].slice(0, -1)
      .map((n, bin) => ({ group: names[group], bin: bin / data.confidence[group].length, n })));
    draw("chart-confidence", (width) => ({
      width, height: 190, autosize: { type: "fit", contains: "padding" },
      data: [{ name: "bins", values: bins, transform: [{ type: "stack", groupby: ["bin"], field: "n", sort: { field: "group" } }] }],
      scales: [
        { name: "x", type: "band", domain: { data: "bins", field: "bin" }, range: "width", padding: 0.12 },
        { name: "y", domain: { data: "bins", field: "y1" }, range: "height", zero: true, nice: true },
        { name: "fill", type: "ordinal", domain: groups.map((group) => names[group]), range: groups.map(colour) },
      ],
      legends: [{ fill: "fill" }],
      axes: [{ orient: "bottom", scale: "x", format: ".2f", title: "confidence, from", domain: true },
        { orient: "left", scale: "y", grid: true, tickCount: 4, format: ",d", tickMinStep: 1, domain: false, ticks: false, title: "lines" }],
      marks: [{ type: "rect", from: { data: "bins" }, encode: { update: {
        x: { scale: "x", field: "bin" }, width: { scale: "x", band: 1 }, y: { scale: "y", field: "y0" }, y2: { scale: "y", field: "y1" },
        fill: { scale: "fill", field: "group" },
        tooltip: { signal: "[format(datum.bin, '.2f') + ' to ' + format(datum.bin + 0.05, '.2f'), datum.group + ': ' + format(datum.n, ',') + ' lines']" },
      } } }],
    }));
  }

  // The map: its filters choose points, which stand out there and are listed beside it.
  if (data.map) {
    const { topics, points } = data.map;
    const form = byId("map-filters");
    const [query, topicChoice, kindChoice, siteChoice] = ["query", "topic", "kind", "site"].map((name) => form.elements[name]);
    const list = byId("map-list");
    const SHOWN = 25;
    let view = null;
    let chosen = null;
    points.forEach((point) => { point.words = `${point.title} ${point.site} ${point.id} ${topics[point.t].words}`.toLowerCase(); });
    const name = (topic) => topic.words || topic.label;
    topics.forEach((topic) => topicChoice.append(element("option", `${name(topic)} (${number(topic.n)})`, { value: topic.t })));
    const sites = new Map();
    points.forEach((point) => point.site && sites.set(point.site, (sites.get(point.site) || 0) + 1));
    [...sites].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 200)
      .forEach(([site, n]) => siteChoice.append(element("option", `${site} (${number(n)})`, { value: site })));
    form.hidden = false;

    const matching = () => {
      const asked = query.value.toLowerCase().split(/\s+/).filter(Boolean);
      return points.filter((point) => asked.every((word) => point.words.includes(word))
        && (!topicChoice.value || point.t === Number(topicChoice.value))
        && (!kindChoice.value || point.k === kindChoice.value)
        && (!siteChoice.value || point.site === siteChoice.value));
    };
    const about = (point) => [point.k, point.site, point.day].filter(Boolean).join(" · ");

    function choose(point) {
      chosen = point;
      byId("map-chosen").hidden = !point;
      if (point) {
        byId("chosen-title").textContent = point.title;
        byId("chosen-about").textContent = `${about(point)} · topic ${name(topics[point.t])}`;
        byId("chosen-command").textContent = `copydesk explain ${document.body.dataset.output} --id ${shell(point.id)}`;
      }
      update();
    }

    function update() {
      const found = matching();
      const all = found.length === points.length;
      const on = new Set(found);
      byId("map-count").textContent = all ? `${number(points.length)} on the map` : `${number(found.length)} of ${number(points.length)} match`;
      list.replaceChildren(...found.slice(0, SHOWN).map((point) => {
        const row = element("tr", null);
        const title = element("td", null);
        const button = element("button", point.title, { type: "button", class: "plain" });
        button.addEventListener("click", () => choose(point));
        title.append(button);
        row.append(title, element("td", about(point), { class: "soft" }));
        return row;
      }));
      byId("map-more").textContent = found.length > SHOWN ? `${number(found.length - SHOWN)} more` : "";
      if (!view) return;
      const marked = points.map((point) => ({ ...point, on: on.has(point) ? 1 : 0, chosen: point === chosen ? 1 : 0 }))
        .sort((a, b) => a.chosen - b.chosen || a.on - b.on);
      view.data("points", marked).runAsync();
    }
    form.addEventListener("input", () => choose(null));
    form.addEventListener("reset", () => setTimeout(() => choose(null)));
    form.addEventListener("submit", (event) => event.preventDefault());

    draw("chart-map", (width) => {
      // Upright on a narrow screen: the map is wider than high.
      const upright = width < 560;
      const [px, py] = upright ? ["y", "x"] : ["x", "y"];
      const reach = (key) => Math.max(...topics.map((topic) => topic[key] + topic.r)) + 1;
      const scale = Math.min((width - 8) / (reach(px) + 1), 26);
      const height = Math.round(scale * (reach(py) + 1));
      const labelled = topics.filter((topic) => topic.r * scale > (upright ? 15 : 22)).slice(0, upright ? 9 : 18);
      const dot = Math.max(4, Math.min(64, (scale * 0.82) ** 2));
      const across = [-1, width / scale - 1];
      return {
        width, height, padding: 0,
        data: [{ name: "topics", values: topics }, { name: "points", values: [] }, { name: "labels", values: labelled }],
        scales: [
          { name: "x", domain: across, range: [0, width], zero: false },
          { name: "y", domain: [-1, height / scale - 1], range: [0, height], zero: false },
        ],
        marks: [
          { type: "symbol", from: { data: "topics" }, encode: { update: {
            x: { scale: "x", field: px }, y: { scale: "y", field: py }, size: { signal: `pow(2 * (datum.r + 0.35) * ${scale}, 2)` },
            fill: { value: colour("panel") }, stroke: { value: colour("rule") },
            tooltip: { signal: "[datum.words || datum.label, format(datum.n, ',') + ' stories and teasers', datum.label]" },
          } } },
          { type: "symbol", name: "dots", from: { data: "points" }, encode: { update: {
            x: { scale: "x", field: px }, y: { scale: "y", field: py }, size: { signal: `datum.chosen ? ${dot * 3} : ${dot}` },
            fill: { signal: `datum.k == 'story' ? '${colour("story")}' : '${colour("teaser")}'` },
            fillOpacity: { signal: "datum.on ? 0.9 : 0.12" }, stroke: { signal: `datum.chosen ? '${colour("ink")}' : null` },
            strokeWidth: { value: 2 }, cursor: { value: "pointer" },
            tooltip: { signal: "[datum.title, datum.k + (datum.site ? ' · ' + datum.site : '') + (datum.day ? ' · ' + datum.day : '')]" },
          } } },
          // Each label twice: first a rim in the colour of the paper, which lifts it off the dots.
          ...[[colour("paper"), 4], [null, 0]].map(([stroke, strokeWidth]) => ({ type: "text", from: { data: "labels" }, interactive: false, encode: { update: {
            x: { scale: "x", field: px }, y: { signal: `scale('y', datum.${py} - datum.r) + 3` }, text: { signal: "split(datum.words, ', ')[0]" },
            align: { value: "center" }, baseline: { value: "middle" }, fontSize: { value: upright ? 11 : 12.5 }, fontWeight: { value: 600 },
            fill: { value: colour("ink") }, stroke: { value: stroke }, strokeWidth: { value: strokeWidth }, strokeJoin: { value: "round" },
          } } })),
        ],
      };
    }, { renderer: "canvas", ready: (made) => {
      view = made;
      made.addEventListener("click", (_, item) => {
        const found = item?.datum && points.find((point) => point.id === item.datum.id);
        if (found) choose(found);
      });
      update();
    } });
    update();
  }

  // A table whose rows a search box chooses.
  document.querySelectorAll("input[data-filters]").forEach((input) => {
    const body = byId(input.dataset.filters);
    const count = byId(`${input.dataset.filters}-count`);
    input.closest("label").hidden = false;
    const filter = () => {
      const asked = input.value.trim().toLowerCase();
      let shown = 0;
      [...body.rows].forEach((row, place) => {
        const fits = asked ? row.cells[0].textContent.toLowerCase().includes(asked) : place < Number(body.dataset.first);
        row.hidden = !fits;
        shown += fits ? 1 : 0;
      });
      count.textContent = `${number(shown)} of ${number(body.rows.length)} shown`;
    };
    input.addEventListener("input", filter);
    filter();
  });
})();
