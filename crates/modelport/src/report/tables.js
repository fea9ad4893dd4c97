// Sorts and filters the table of weights; a class of the table of ops is searched in the graph.
const liveTables = () => {
  const table = document.getElementById('weights'), filter = document.getElementById('filter');
  if (table) {
    const body = table.tBodies[0], rows = [...body.rows];
    const value = (row, i) => {
      const cell = row.cells[i];
      return !cell ? -Infinity : cell.dataset.v !== undefined ? Number(cell.dataset.v) : cell.textContent;
    };
    [...table.tHead.rows[0].cells].slice(0, 9).forEach((head, i) => {
      head.tabIndex = 0;
      const sort = () => {
        const up = head.getAttribute('aria-sort') !== 'ascending';
        [...table.tHead.rows[0].cells].forEach(h => h.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        const order = (a, b) => (a === b ? 0 : typeof a === 'string' && typeof b === 'string' ? a.localeCompare(b, 'en', { numeric: true }) : a < b ? -1 : 1);
        rows.map(r => [value(r, i), r]).sort((a, b) => order(a[0], b[0]) * (up ? 1 : -1)).forEach(([, r]) => body.appendChild(r));
      };
      head.addEventListener('click', sort);
      head.addEventListener('keydown', e => { if (e.key === 'Enter') sort(); });
    });
    filter.addEventListener('input', () => {
      const wanted = filter.value.trim().toLowerCase();
      rows.forEach(r => { r.hidden = !r.cells[0].textContent.toLowerCase().includes(wanted); });
    });
  }
  document.querySelectorAll('tr[data-find]').forEach(row => row.addEventListener('click', () => {
    document.dispatchEvent(new CustomEvent('modelport-find', { detail: row.dataset.find }));
  }));
};
liveTables();
