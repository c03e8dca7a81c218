// Questions to the kernel through the channel of a widget, and their answers.

let asked = 0; // by all views: those of one widget hear each other's answers

export class Questions {
  constructor(model, seconds) {
    this.model = model;
    this.seconds = seconds;
    this.open = new Map();
  }

  ask(question) {
    const id = ++asked;
    return new Promise((resolve) => {
      const late = () => this.answer(id, { error: "the kernel does not answer" });
      this.open.set(id, { resolve, timer: setTimeout(late, this.seconds * 1000) });
      this.model.send({ type: "ask", id, question });
    });
  }

  answer(id, answer) {
    const question = this.open.get(id);
    if (!question) return;
    this.open.delete(id);
    clearTimeout(question.timer);
    question.resolve(answer);
  }
}
