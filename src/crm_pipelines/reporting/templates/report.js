'use strict';
(() => {
  const root = document.documentElement;
  const sheets = [...document.querySelectorAll('.sheet')];
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    node.className = name;
    node.textContent = text;
    return node;
  };

  // Pages: the section that holds the place named after # is shown alone.
  const show = () => {
    const place = document.getElementById(location.hash.slice(1)) || sheets[0];
    const sheet = place.closest('.sheet') || sheets[0];
    sheets.forEach((each) => { each.hidden = each !== sheet; });
    document.querySelectorAll('header a').forEach((link) => {
      if (link.hash === '#' + sheet.id) {
        link.setAttribute('aria-current', 'page');
        link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      } else link.removeAttribute('aria-current');
    });
    for (let at = place.parentElement; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
    document.title = sheet.querySelector('h1').innerText + ' · crm_pipelines';
    if (place === sheet || !sheet.contains(place)) scrollTo({ top: 0, behavior: 'instant' });
    else place.scrollIntoView({ behavior: 'instant' });
  };
  root.classList.add('paged');
  addEventListener('hashchange', show);
  show();

  // Light, dark, or as the device has it.
  const themes = ['auto', 'light', 'dark'];
  const header = document.querySelector('header');
  const toggle = make('button', 'theme', '');
  toggle.type = 'button';
  const paint = (theme) => {
    if (theme === 'auto') delete root.dataset.theme;
    else root.dataset.theme = theme;
    toggle.dataset.now = theme;
    toggle.textContent = { auto: '◐', light: '☀', dark: '☾' }[theme];
    toggle.setAttribute('aria-label', 'Colours: ' + theme + '. Change');
    toggle.title = 'Colours: ' + theme;
  };
  let stored = 'auto';
  try { stored = localStorage.getItem('crm_pipelines.theme') || 'auto'; } catch { /* a file may not remember */ }
  paint(themes.includes(stored) ? stored : 'auto');
  toggle.addEventListener('click', () => {
    const next = themes[(themes.indexOf(toggle.dataset.now) + 1) % themes.length];
    paint(next);
    try { localStorage.setItem('crm_pipelines.theme', next); } catch { /* as above */ }
  });
  header.append(toggle);

  // Tables as CSV. A cell's smaller lines become columns of their own.
  const words = (node) => {
    const copy = node.cloneNode(true);
    copy.querySelectorAll('small, .hidden, .mark, .range, svg, button').forEach((each) => each.remove());
    return copy.textContent.replace(/\s+/g, ' ').trim();
  };
  const plain = (text) => {
    const value = text.replace(/−/g, '-');
    if (/^[+-]?\d{1,3}(,\d{3})*(\.\d+)?$|^[+-]?\d+(\.\d+)?$/.test(value)) return value.replace(/[,+]/g, '');
    return value === '–' ? '' : value;
  };
  // As OWASP advises against CSV injection: no text may become a formula.
  const safe = (value) => (/^[=+\-@\t\r\n]/.test(value) && !/^-?\d+(\.\d+)?$/.test(value) ? "'" + value : value);
  const quoted = (value) => (/[",\r\n]/.test(value) ? '"' + value.replace(/"/g, '""') + '"' : value);
  const csv = (table) => {
    const lines = [...table.rows].filter((row) => !row.querySelector('[colspan]')).map((row) => [...row.cells]);
    const keep = lines[0].map((cell, at) => !lines.every((row) => row[at]?.classList.contains('axis')));
    const part = (cell, name) => [...(cell?.querySelectorAll(name) || [])].map((each) => each.textContent.trim()).join(' ');
    const extras = ['.range', 'small:not(.paper)', 'small.paper'];
    const used = lines[0].map((_, at) => extras.filter((name) => lines.slice(1).some((row) => part(row[at], name))));
    const names = { '.range': 'interval', 'small:not(.paper)': 'note', 'small.paper': 'published' };
    const out = lines.map((row, line) => row.flatMap((cell, at) => {
      if (!keep[at]) return [];
      if (line > 0) return [words(cell), ...used[at].map((name) => part(cell, name).replace(/^paper /, ''))];
      const note = part(cell, 'small');
      const head = words(cell) + (note ? ' (' + note + ')' : '');
      return [head, ...used[at].map((name) => words(cell) + ': ' + names[name])];
    }));
    return out.map((row) => row.map((text) => quoted(safe(plain(text)))).join(',')).join('\r\n') + '\r\n';
  };
  const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 60);
  document.querySelectorAll('figure table').forEach((table, at) => {
    const figure = table.closest('figure');
    const caption = figure.querySelector('figcaption');
    const sheet = table.closest('.sheet');
    const button = make('button', 'csv', 'CSV');
    button.type = 'button';
    button.setAttribute('aria-label', 'Save as CSV: ' + words(caption));
    button.addEventListener('click', () => {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob(['\ufeff' + csv(table)], { type: 'text/csv;charset=utf-8' }));
      link.download = [sheet.id, at + 1, slug(words(caption))].filter(Boolean).join('-') + '.csv';
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
    caption.append(button);
  });

  // Tables sort by a click on a head: numbers by size, words by alphabet, what is missing last.
  const value = (row, at) => plain(words(row.cells[at]));
  document.querySelectorAll('figure table').forEach((table) => {
    if (table.tBodies.length !== 1 || table.tBodies[0].rows.length < 3) return;
    [...table.tHead.rows[0].cells].forEach((head, at) => {
      if (head.classList.contains('axis')) return;
      head.tabIndex = 0;
      head.classList.add('sorts');
      const sort = () => {
        const down = head.getAttribute('aria-sort') !== 'descending';
        [...table.tHead.rows[0].cells].forEach((each) => each.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        const rows = [...table.tBodies[0].rows].map((row) => [row, value(row, at)]);
        rows.sort(([, one], [, two]) => {
          const [a, b] = [parseFloat(one), parseFloat(two)];
          if (Number.isNaN(a) !== Number.isNaN(b)) return Number.isNaN(a) ? 1 : -1;
          const order = Number.isNaN(a) ? two.localeCompare(one) : a - b;
          return down ? -order : order;
        });
        table.tBodies[0].append(...rows.map(([row]) => row));
      };
      head.addEventListener('click', sort);
      head.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); sort(); }
      });
    });
  });

  // A legend puts its line out and on.
  document.querySelectorAll('[data-toggle]').forEach((entry) => {
    entry.setAttribute('role', 'button');
    entry.tabIndex = 0;
    entry.setAttribute('aria-pressed', 'true');
    const flip = () => {
      const off = entry.getAttribute('aria-pressed') === 'true';
      entry.setAttribute('aria-pressed', String(!off));
      const lines = entry.closest('[data-series]').querySelectorAll(`[data-line="${entry.dataset.toggle}"]`);
      lines.forEach((line) => line.classList.toggle('off', off));
    };
    entry.addEventListener('click', flip);
    entry.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); flip(); }
    });
  });

  // What a drawing says where it is pointed at or touched.
  const tip = make('div', 'tip', '');
  tip.hidden = true;
  tip.setAttribute('role', 'status');
  document.body.append(tip);
  const nearest = (svg, event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let best = null;
    svg.querySelectorAll('polyline[data-x]:not(.off)').forEach((line) => {
      for (const point of line.points) {
        const far = Math.hypot(point.x - at.x, point.y - at.y);
        if (far < 9 && (!best || far < best.far)) best = { far, point, line };
      }
    });
    if (!best) return '';
    const { point, line } = best;
    const shown = (number) => (number / 100).toFixed(3);
    return `${line.dataset.name}: ${line.dataset.y} ${shown(100 - point.y)} at ${line.dataset.x} ${shown(point.x)}`;
  };
  const point = (event) => {
    const svg = event.target.closest('svg');
    const told = event.target.closest('[data-tip]');
    const text = told ? told.dataset.tip : svg && svg.viewBox.baseVal.width ? nearest(svg, event) : '';
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8);
    tip.style.left = Math.max(8, left) + 'px';
    tip.style.top = (event.clientY > innerHeight - 70 ? event.clientY - 44 : event.clientY + 16) + 'px';
  };
  document.addEventListener('pointermove', point);
  document.addEventListener('pointerdown', point);
  document.addEventListener('scroll', () => { tip.hidden = true; }, { passive: true });
})();
