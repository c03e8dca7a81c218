// Questions to the kernel through the channel of a widget, and their answers.

// The first messages of a page may queue behind a running cell until Jupyter has set up a way around
// it. So a question without an answer is asked again.
export const AGAIN_MS = 1500;
export const TRIES = 6;

let asked = 0; // counted over all views: those of one widget get each other's answers

export class Questions {
  constructor(model, seconds) {
    this.model = model;
    this.seconds = seconds;
    this.open = new Map();
    this.over = ""; // why there will be no more answers
  }

  // With `tries`, for questions that may be asked twice, repeat while there is no answer.
  ask(question, tries = 1) {
    if (this.over) return Promise.resolve({ error: this.over });
    const id = ++asked;
    return new Promise((resolve) => {
      const late = () => this.answer(id, { error: "No answer came in time." });
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

  // There will be no more answers.
  end(why) {
    this.over = why;
    for (const id of [...this.open.keys()]) this.answer(id, { error: why });
  }
}
