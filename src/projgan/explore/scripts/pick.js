// A click on a picture says which one it is; all of it in this tab are marked or unmarked at once.
element.addEventListener("click", (event) => {
  const picked = event.target.closest(".pg-pick");
  if (!picked) return;
  const { row, seed, truncation } = picked.dataset;
  const mark = picked.getAttribute("aria-pressed") === "true" ? "false" : "true";
  for (const one of element.closest(".pg-sample").querySelectorAll(".pg-pick")) {
    const same = one.dataset.row === row && one.dataset.seed === seed && one.dataset.truncation === truncation;
    if (same) one.setAttribute("aria-pressed", mark);
  }
  trigger("select", {
    row: Number(row),
    seed: Number(seed),
    truncation: truncation === "" ? null : Number(truncation),
  });
});
