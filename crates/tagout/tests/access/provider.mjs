// A real OpenID provider for the tests: the npm package `oidc-provider`, with people who sign
// in without being asked. It can be told to forge its ID tokens, as a provider would that is
// not ours or was broken into: whatever comes of that must not let anybody in.

import * as crypto from 'node:crypto';
import * as http from 'node:http';

const { Provider } = await import(`${process.argv[2]}/node_modules/oidc-provider/lib/index.js`);

const people = {
  ana: { preferred_username: 'Ana', groups: ['sre', 'database', 'canteen'] },
  ben: { preferred_username: 'ben', groups: ['canteen'] },
  root: { preferred_username: 'admin', groups: ['admins'] },
  nameless: { groups: ['sre'] },
  api: { preferred_username: 'api', groups: ['sre'] },
};
let account = 'ana';
let forgery = '';

const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' };

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// The token again, with other claims or another signature.
function forged(token, kind) {
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  const header = { alg: 'RS256', kid: 'k1' };
  let sign = (text) => crypto.sign('RSA-SHA256', Buffer.from(text), privateKey).toString('base64url');
  const past = Math.floor(Date.now() / 1000) - 3600;
  switch (kind) {
    case 'same': break;
    case 'audience': claims.aud = 'another-client'; break;
    case 'party': claims.aud = [claims.aud, 'another-client']; claims.azp = 'another-client'; break;
    case 'issuer': claims.iss = 'https://evil.example'; break;
    case 'expired': claims.exp = past; break;
    case 'endless': delete claims.exp; break;
    case 'early': claims.nbf = past + 7200; break;
    case 'nonce': claims.nonce = 'of-another-sign-in'; break;
    case 'nonceless': delete claims.nonce; break;
    case 'nobody': claims.sub = ''; break;
    case 'none': header.alg = 'none'; sign = () => ''; break;
    case 'shared': { // The public key as a shared secret.
      header.alg = 'HS256';
      const secret = publicKey.export({ type: 'spki', format: 'pem' });
      sign = (text) => crypto.createHmac('sha256', secret).update(text).digest('base64url');
      break;
    }
    case 'key': {
      const other = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
      sign = (text) => crypto.sign('RSA-SHA256', Buffer.from(text), other).toString('base64url');
      break;
    }
    case 'unknown-key': header.kid = 'k2'; break;
    case 'altered': {
      const signature = token.split('.')[2];
      claims.sub = 'root';
      sign = () => signature;
      break;
    }
    default: throw new Error(`no such forgery: ${kind}`);
  }
  const text = `${encoded(header)}.${encoded(claims)}`;
  return `${text}.${sign(text)}`;
}

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'tagout',
      client_secret: 'a secret: with/odd+signs%',
      redirect_uris: ['http://tagout/login/oidc/callback'],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    }],
    jwks: { keys: [key] },
    cookies: { keys: ['a-key-of-the-tests'] },
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    // Claims in the ID token, or in the user information alone.
    conformIdTokenClaims: process.argv[3] !== 'in-token',
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    loadExistingGrant: async (ctx) => {
      const grant = new provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope('openid profile groups');
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on('request', async (req, res) => {
    const path = req.url.split('?')[0];
    if (path.startsWith('/test/account/')) {
      account = path.slice(14);
      res.end();
    } else if (path.startsWith('/test/leaves/')) {
      people[path.slice(13)].groups = [];
      res.end();
    } else if (path.startsWith('/test/forgery/')) {
      forgery = path.slice(14);
      res.end();
    } else if (path.startsWith('/interaction/')) {
      const result = { login: { accountId: account } };
      await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
    } else {
      if (forgery && path === '/token') {
        const end = res.end.bind(res);
        res.end = (body) => {
          const tokens = JSON.parse(body);
          if (tokens.id_token) tokens.id_token = forged(tokens.id_token, forgery);
          const text = JSON.stringify(tokens);
          res.setHeader('content-length', Buffer.byteLength(text));
          return end(text);
        };
      }
      answer(req, res);
    }
  });
  console.log(`listening ${port}`);
});
