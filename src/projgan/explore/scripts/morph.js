// The frames are all here: the slider and the strip show one without asking the server.
const show = (step) => {
  const frames = element.querySelectorAll(".pg-frame");
  const large = element.querySelector(".pg-large");
  large.src = frames[step].querySelector("img").src;
  large.alt = `step ${step + 1} of ${frames.length}`;
  element.querySelector("input[type=range]").value = step;
  frames.forEach((frame, place) => frame.setAttribute("aria-pressed", place === step));
};
element.addEventListener("input", (event) => {
  if (event.target.type === "range") show(Number(event.target.value));
});
element.addEventListener("click", (event) => {
  const frame = event.target.closest(".pg-frame");
  if (frame) show(Number(frame.dataset.step));
});
