/** A response's data as JSON text. Those who asked for it at the same time share it, and what has been made of it. */
export class JsonText {
  readonly text: string
  #body: Buffer | undefined

  constructor(text: string) {
    this.text = text
  }

  get isNull(): boolean {
    return this.text === 'null'
  }

  /** `{"data":…}` in UTF-8, made once. */
  get body(): Buffer {
    this.#body ??= Buffer.from(`{"data":${this.text}}`)
    return this.#body
  }
}
