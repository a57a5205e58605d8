/** A POST of a body of ASCII to /graphql, whole: what a load writes to a socket. */
export const posted = (token: string, body: string): string =>
  `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
