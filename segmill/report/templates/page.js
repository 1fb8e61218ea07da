"use strict";
(function () {
  // Sorting: numbers by their data-sort, words by their text; empty cells stay last either way.
  function key(row, index) {
    var cell = row.cells[index];
    var raw = cell.hasAttribute("data-sort") ? cell.getAttribute("data-sort") : cell.textContent.trim();
    return raw === "" ? null : (isNaN(Number(raw)) ? raw : Number(raw));
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") { return a - b; }
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }
  function sortBy(table, header, index) {
    var ascending = header.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("th[aria-sort]").forEach(function (th) { th.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    var body = table.tBodies[0];
    var rows = Array.from(body.rows).map(function (row) { return { row: row, key: key(row, index) }; });
    rows.sort(function (a, b) {
      if (a.key === null || b.key === null) { return (a.key === null) - (b.key === null); }
      return ascending ? compare(a.key, b.key) : compare(b.key, a.key);
    });
    rows.forEach(function (entry) { body.appendChild(entry.row); });
  }
  // Column of each header cell, as rowspan and colspan lay them out; cells of a group do not sort.
  function headers(table) {
    var taken = [], found = [];
    Array.from(table.tHead.rows).forEach(function (row, r) {
      var column = 0;
      taken[r] = taken[r] || [];
      Array.from(row.cells).forEach(function (cell) {
        while (taken[r][column]) { column += 1; }
        for (var i = r; i < r + cell.rowSpan; i += 1) {
          taken[i] = taken[i] || [];
          for (var j = column; j < column + cell.colSpan; j += 1) { taken[i][j] = true; }
        }
        if (!cell.classList.contains("group")) { found.push({ cell: cell, column: column }); }
        column += cell.colSpan;
      });
    });
    return found;
  }
  document.querySelectorAll("table.sortable").forEach(function (table) {
    headers(table).forEach(function (header) {
      var button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      while (header.cell.firstChild) { button.appendChild(header.cell.firstChild); }
      header.cell.appendChild(button);
      button.addEventListener("click", function () { sortBy(table, header.cell, header.column); });
    });
  });
  // Enlarging: without a script, or with a modifier key, the link opens the figure itself.
  var dialog = document.querySelector("dialog");
  if (dialog && dialog.showModal) {
    document.querySelectorAll("a.enlarge").forEach(function (link) {
      link.addEventListener("click", function (event) {
        if (event.ctrlKey || event.metaKey || event.shiftKey) { return; }
        event.preventDefault();
        var image = link.querySelector("img");
        dialog.querySelector("img").src = link.href;
        dialog.querySelector("img").alt = image.alt;
        dialog.querySelector("strong").textContent = link.getAttribute("data-title");
        ["svg", "png", "csv"].forEach(function (kind) {
          dialog.querySelector("a." + kind).href = link.href.replace(/svg$/, kind);
        });
        dialog.showModal();
      });
    });
    dialog.addEventListener("click", function (event) {
      if (event.target === dialog) { dialog.close(); }
    });
  }
}());
