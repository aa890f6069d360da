// A file goes to the server as text, never as a path; one that is too large is not read at all.
const LARGEST = 20 * 1024 * 1024;
element.addEventListener("click", (event) => {
  if (event.target.type === "file") event.target.value = ""; // so that the same file can be chosen again
});
element.addEventListener("change", (event) => {
  const file = event.target.type === "file" && event.target.files[0];
  if (!file) return;
  if (file.size > LARGEST) return trigger("upload", { content: "", bytes: file.size });
  const reader = new FileReader();
  reader.onload = () => trigger("upload", { content: reader.result, bytes: file.size });
  reader.readAsDataURL(file);
});
