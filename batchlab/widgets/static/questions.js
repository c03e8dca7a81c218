// Questions to the kernel through the channel of a widget, and their answers.

// The first messages of a page may wait in line behind a cell that runs, until Jupyter has made a way
// around it. So whoever gets no answer asks again.
export const AGAIN_MS = 1500;
export const TRIES = 6;

let asked = 0; // by all views: those of one widget hear each other's answers

export class Questions {
  constructor(model, seconds) {
    this.model = model;
    this.seconds = seconds;
    this.open = new Map();
    this.over = ""; // why there will be no more answers
  }

  // With `tries`, of what may well be asked twice, again while there is no answer.
  ask(question, tries = 1) {
    if (this.over) return Promise.resolve({ error: this.over });
    const id = ++asked;
    return new Promise((resolve) => {
      const late = () => this.answer(id, { error: "the kernel does not answer" });
      this.open.set(id, { resolve, timer: setTimeout(late, this.seconds * 1000) });
      this.send({ type: "ask", id, question }, tries);
    });
  }

  send(message, tries) {
    this.model.send(message);
    if (tries > 1) {
      setTimeout(() => this.open.has(message.id) && this.send(message, tries - 1), AGAIN_MS);
    }
  }

  answer(id, answer) {
    const question = this.open.get(id);
    if (!question) return;
    this.open.delete(id);
    clearTimeout(question.timer);
    question.resolve(answer);
  }

  // Nobody answers any more.
  end(why) {
    this.over = why;
    for (const id of [...this.open.keys()]) this.answer(id, { error: why });
  }
}
