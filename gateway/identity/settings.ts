import { z } from 'zod'
import { developmentSecret } from './development-secret.ts'
import { SECRET_CHARS_MIN, type TokenSettings } from './tokens.ts'

const optional = z.string().optional()

const schema = z.object({
  TOKEN_SECRET: z
    .string()
    .min(SECRET_CHARS_MIN, `expected at least ${SECRET_CHARS_MIN} characters`)
    .optional(),
  TOKEN_JWKS_URL: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).optional(),
  TOKEN_ISSUER: optional,
  TOKEN_AUDIENCE: optional,
  DATA_DIR: optional,
  NODE_ENV: optional,
})

/**
 * How tokens are verified: `TOKEN_JWKS_URL` (an issuer's published keys) or `TOKEN_SECRET` (one shared secret), with
 * `TOKEN_ISSUER` and `TOKEN_AUDIENCE` where they matter; outside production else the secret of `DATA_DIR`, made when
 * missing. None of them: anonymous callers only, which production refuses.
 * @param onSecretMade told the path of a development secret that was made just now.
 * @throws Error that says what is missing or contradicts.
 */
export function readTokenSettings(
  environment: Readonly<Record<string, string | undefined>>,
  onSecretMade?: (path: string) => void,
): TokenSettings | undefined {
  const env = parsed(environment)
  const claims = {
    ...(env.TOKEN_ISSUER === undefined ? {} : { issuer: env.TOKEN_ISSUER }),
    ...(env.TOKEN_AUDIENCE === undefined ? {} : { audience: env.TOKEN_AUDIENCE }),
  }
  if (env.TOKEN_SECRET !== undefined && env.TOKEN_JWKS_URL !== undefined) {
    throw new Error('TOKEN_SECRET, TOKEN_JWKS_URL: expected one of them, got both')
  }
  if (env.TOKEN_JWKS_URL !== undefined) return { kind: 'jwks', url: env.TOKEN_JWKS_URL, ...claims }
  if (env.TOKEN_SECRET !== undefined) return { kind: 'secret', secret: env.TOKEN_SECRET, ...claims }
  if (env.NODE_ENV === 'production') {
    throw new Error('TOKEN_JWKS_URL: expected in production, or TOKEN_SECRET: who calls must be known')
  }
  if (env.DATA_DIR === undefined) return undefined
  return { kind: 'secret', secret: developmentSecret(env.DATA_DIR, onSecretMade), ...claims }
}

/** The values themselves are not shown: some are secrets. */
function parsed(environment: Readonly<Record<string, string | undefined>>): z.output<typeof schema> {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const result = schema.safeParse(present)
  if (result.success) return result.data
  throw new Error(result.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; '))
}
